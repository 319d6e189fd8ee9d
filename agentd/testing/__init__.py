"""Public support for testing agents: a real LiveKit server, and a clock that jumps.

Nothing in agentd outside of this room imports it.
"""
