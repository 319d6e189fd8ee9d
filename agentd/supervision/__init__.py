"""OTP's supervisors for asyncio tasks and processes alike: start, watch, restart, stop, give up.

The rules are pure: `policy`, `intensity`, `backoff`, `strategy`, and the `machine` that joins
them. Effects are thin: a `life` is one child from its start until it is seen dead, and the
`supervisor` does what the machine says. What a child is, nobody here knows: it is started by
an async function and gives a `Running`. Processes, sockets and jobs do not belong here.
"""
