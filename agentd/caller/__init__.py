"""The scripted caller: joins a room as a person would, speaks a recording, keeps the answer.

It is LiveKit's other side, for `agentd call`, the demo and tests, and knows nothing of the
daemon: any agent that joins the room will do. What is printed is up to `agentd.cli`.
"""
