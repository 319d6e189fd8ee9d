"""What the user's code is given while it works on a job, and the running of one job.

Knows the room and, later, the session; knows nothing of sockets, frames in transit or
other children: the child hands in data and takes a `JobOutcome` back.
"""
