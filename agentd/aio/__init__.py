"""asyncio primitives that know nothing of jobs, processes or voice.

Tasks with an owner, the one module that reads a clock, and deadlines live here.
What knows a frame, a slot or a room does not.
"""
