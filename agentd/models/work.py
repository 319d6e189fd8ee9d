"""One request on its way through a runner's thread, which another may stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.aio.channel import Channel
from agentd.errors import ChannelError, ModelError

from .runner import ModelRunner, StoppableRunner, StreamingRunner

AHEAD = 16
"""Parts of an answer that a thread may be ahead of who takes them."""

PART_TIMEOUT = 60.0
"""Seconds that a thread waits for the next part of its answer to be taken."""


class Work:
    """A request that is answered at once."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._runner: ModelRunner | None = None
        # So that it is this request that is stopped, not the next one of the same runner.
        self._lock = threading.Lock()

    def run_by(self, runner: ModelRunner) -> bytes:
        """Have it answered, in the runner's thread."""
        with self._taken_by(runner):
            return runner.run(self._request)

    def stop(self) -> None:
        """Nobody wants the answer; called from another thread. May be repeated."""
        with self._lock:
            runner: object = self._runner
            if isinstance(runner, StoppableRunner):
                runner.stop()

    @contextmanager
    def _taken_by(self, runner: ModelRunner) -> Iterator[None]:
        with self._lock:
            self._runner = runner
        try:
            yield
        finally:
            with self._lock:
                self._runner = None


class StreamWork(Work):
    """A request that is answered in parts."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(request)
        self.parts: Channel[bytes] = Channel(AHEAD)
        """For the loop's side; closed there when the thread is done."""
        self._loop = loop
        self._room = threading.Semaphore(AHEAD)
        self._unwanted = False

    def stream_by(self, runner: ModelRunner) -> None:
        """Have it answered, in the runner's thread; raises what the runner raises."""
        with self._taken_by(runner):
            if isinstance(runner, StreamingRunner):
                runner.stream(self._request, self._hand_on)
            else:
                self._hand_on(runner.run(self._request))

    def taken(self) -> None:
        """The loop's side has taken a part."""
        self._room.release()

    def stop(self) -> None:
        """See `Work.stop`."""
        self._unwanted = True
        self._room.release()  # where it waits for room
        super().stop()

    def _hand_on(self, part: bytes) -> bool:
        """Give one part to the loop; says False where nobody wants any more."""
        if self._unwanted:
            return False
        if not self._room.acquire(timeout=PART_TIMEOUT):
            raise ModelError(f"nobody took a part of the answer for {PART_TIMEOUT:g} s")
        self._loop.call_soon_threadsafe(self._put, part)
        return not self._unwanted

    def _put(self, part: bytes) -> None:
        try:
            self.parts.send_nowait(part)
        except ChannelError:
            return  # it was closed meanwhile: nobody wants it
