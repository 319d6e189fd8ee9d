"""What crosses a border between agentd's processes: data only.

Structs, their names, the version and the codec. No I/O, no asyncio, no third party
but msgspec; nothing here knows LiveKit's message classes.
"""
