"""Tests of agentd.modelhost.watched: a runner that hangs is noticed, one that works is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from agentd.modelhost.watched import WatchedRunner
from agentd.models import RunnerThreads

DEADLINE = 10.0
MOMENT = 0.02
"""Seconds after which a runner counts as hung here."""


class Slow:
    """Waits for its turn before each answer and each part of one."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)

    def load(self) -> None:
        """Waits, too."""
        self._wait()

    def run(self, request: bytes) -> bytes:
        """Gives the request back."""
        self._wait()
        return request

    def stream(self, request: bytes, give: Callable[[bytes], bool]) -> None:
        """Gives each byte of it."""
        for byte in request:
            self._wait()
            give(bytes([byte]))

    def _wait(self) -> None:
        if not self.go_on.acquire(timeout=DEADLINE):
            raise AssertionError("nobody let it go on")


class Watched:
    """One in a thread."""

    def __init__(self, hung_after: float) -> None:
        self.slow = Slow()
        self.hung = asyncio.Event()
        loop = asyncio.get_running_loop()
        runner = WatchedRunner(self.slow, loop, hung_after=hung_after, on_hung=self.hung.set)
        self.threads = RunnerThreads(lambda: runner, name="slow")


async def test_a_call_without_an_answer_is_noticed() -> None:
    """Also when nobody waits for it any more."""
    watched = Watched(MOMENT)
    call = asyncio.ensure_future(watched.threads.run(b"a"))
    await asyncio.sleep(0)
    call.cancel()

    async with asyncio.timeout(DEADLINE):
        await watched.hung.wait()
    watched.slow.go_on.release()
    watched.threads.close()


async def test_a_stream_that_stops_giving_parts_is_noticed() -> None:
    """However many it has given before."""
    watched = Watched(MOMENT)
    parts = watched.threads.stream(b"ab")
    watched.slow.go_on.release()
    assert await anext(parts) == b"a"

    async with asyncio.timeout(DEADLINE):
        await watched.hung.wait()
    watched.slow.go_on.release()
    await parts.aclose()
    watched.threads.close()


async def test_answers_end_the_watch() -> None:
    """Nothing is left of it, for calls and streams alike; loading is not watched."""
    watched = Watched(MOMENT)
    for _ in range(4):
        watched.slow.go_on.release()
    await watched.threads.loaded()
    assert await watched.threads.run(b"a") == b"a"
    assert [part async for part in watched.threads.stream(b"bc")] == [b"b", b"c"]

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3 * MOMENT):
            await watched.hung.wait()
    watched.threads.close()
