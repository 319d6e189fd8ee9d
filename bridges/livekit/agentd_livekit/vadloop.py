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
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

WORKERS = 2
"""Threads that compute; a judgement takes about a hundredth of the audio that it is about."""


class InferenceThreads(ThreadPoolExecutor):
    """What plugins compute in. At the end of the process it takes nothing, and says nothing."""

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """See the base class; never raises."""
        try:
            return super().submit(*args, **kwargs)
        except RuntimeError:
            # The interpreter ends, and a stream that was just dropped still runs in its thread:
            # it waits for this until it is gone as well, rather than to log a failure.
            return Future()


def vad_loop() -> asyncio.AbstractEventLoop:
    """This process's."""
    return _loop_of(os.getpid())


@functools.cache
def _loop_of(pid: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(InferenceThreads(WORKERS, thread_name_prefix="livekit-vad"))
    # A daemon: it holds nothing that must be saved, and nobody is told when a process ends.
    threading.Thread(target=loop.run_forever, name=f"livekit-vad-{pid}", daemon=True).start()
    return loop
