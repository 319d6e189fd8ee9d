"""What the supervisor writes: log records as lines, its own and those of its children.

Formatting and set-up of the stdlib's logging. No rich, no asyncio; nothing here knows
how a child's record travels, only the frame it arrives as.
"""
