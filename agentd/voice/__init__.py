"""The agent: a conversation with turns, replies, tools and handoffs.

The rules of turn-taking are pure (`turns`), the session is a supervision tree of tasks around them.
Rooms and models come in through interfaces; a job is known only as a host (`host`).
"""
