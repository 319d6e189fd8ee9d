"""Keeps child processes alive: starts them, watches them, ends them, says why they ended.

Runs in the daemon's main process. Knows processes, slots and frames; imports no user
code and no media library, and does not know the LiveKit server.
"""
