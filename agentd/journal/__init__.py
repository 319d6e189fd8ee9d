"""What the daemon writes down: jobs, events, snapshots, post-mortems.

`Journal` is the face that the rest of the daemon sees. What keeps records (SQLite, memory)
stands behind the `Store` protocol. Nothing here knows a pool, a child or the LiveKit link:
others say what happened, this room remembers it.
"""
