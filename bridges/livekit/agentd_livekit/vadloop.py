"""An event loop in a thread of its own, where livekit's VAD streams run.

Their streams are asyncio tasks, and agentd's VAD is asked synchronously, often from a loop that has
other work. The thread starts with the first stream of a process, so that a process that is only
prepared, and may be forked, has none; a fork makes its own.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading


def vad_loop() -> asyncio.AbstractEventLoop:
    """This process's."""
    return _loop_of(os.getpid())


@functools.cache
def _loop_of(pid: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    # A daemon: it holds nothing that must be saved, and nobody is told when a process ends.
    threading.Thread(target=loop.run_forever, name=f"livekit-vad-{pid}", daemon=True).start()
    return loop
