"""An event loop in a thread of its own, where livekit's VAD streams run.

Their streams are asyncio tasks, and agentd's VAD is asked synchronously, often from a loop that has
other work. The thread starts with the first stream of a process, so that a process that is only
prepared, and may be forked, has none; a fork makes its own.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

WORKERS = 2
"""Threads that compute; a judgement takes about a hundredth of the audio that it is about."""

STOP_TIMEOUT = 2.0
"""Seconds for the thread to end what it is about when the process ends."""


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
    # A daemon: one that were not would keep the process from ending.
    name = f"livekit-vad-{pid}"
    thread = threading.Thread(target=_serve, args=(loop,), name=name, daemon=True)
    thread.start()
    # It must stand still before livekit.rtc lets go of its library, which aborts the process where
    # a resampler is used after that. What is registered later, as this, is called before.
    atexit.register(_stop, loop, thread, pid)
    return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run it until it is stopped, and what is on it then to its end."""
    loop.run_forever()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, pid: int) -> None:
    if os.getpid() == pid:  # a fork has the registration, and not the thread
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_TIMEOUT)
