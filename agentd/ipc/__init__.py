"""Frames over Unix sockets: the asyncio side, the blocking side, and the listening socket.

Knows bytes, frames and file descriptors; knows nothing of slots, jobs or templates.
"""
