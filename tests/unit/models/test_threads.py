"""Tests of agentd.models.threads: real threads, so real time, in milliseconds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from agentd.errors import ModelError
from agentd.models import RunnerThreads

DEADLINE = 5.0


class Gated:
    """A runner that waits until it is let go, and notes what is done to it."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.loaded_in: set[str] = set()
        self.loads = 0
        self.failing = False

    def load(self) -> None:
        """Notes its thread."""
        self.loads += 1
        self.loaded_in.add(threading.current_thread().name)
        if self.failing:
            raise ModelError("no weights")

    def run(self, request: bytes) -> bytes:
        """Gives the request back, with the thread's name."""
        return request + threading.current_thread().name.encode()


@pytest.fixture
def runner() -> Gated:
    """One runner."""
    return Gated()


@pytest.fixture
def threads(runner: Gated) -> Iterator[RunnerThreads]:
    """A thread for it."""
    made = RunnerThreads(lambda: runner, name="model")
    yield made
    made.close()


async def test_requests_are_answered_in_a_thread(threads: RunnerThreads) -> None:
    """Not in the event loop's."""
    assert await threads.run(b"ask ") == b"ask model_0"


def test_nothing_starts_before_it_is_used(runner: Gated) -> None:
    """A process that is going to fork must have one thread."""
    before = threading.enumerate()

    RunnerThreads(lambda: runner, name="model")

    assert threading.enumerate() == before


def test_loading_can_be_waited_for(threads: RunnerThreads, runner: Gated) -> None:
    """As an app does in its prewarm function."""
    threads.load()

    assert runner.loaded_in == {"model_0"}


def test_loading_in_the_background_is_done_once(threads: RunnerThreads, runner: Gated) -> None:
    """However often it is asked for."""
    for _ in range(3):
        threads.prewarm()
    threads.load()

    assert runner.loads == 1


def test_what_can_not_be_loaded_is_told(
    threads: RunnerThreads, runner: Gated, caplog: pytest.LogCaptureFixture
) -> None:
    """To who waits, and in the log; the next time it is tried again."""
    runner.failing = True
    with caplog.at_level(logging.WARNING), pytest.raises(ModelError, match="no weights"):
        threads.load()
    runner.failing = False
    threads.load()

    assert [record.__dict__["action"] for record in caplog.records] == ["model_not_loaded"]


async def test_several_threads_work_at_once() -> None:
    """Each with a runner of its own: a model need not be made for more than one."""
    together = threading.Barrier(2, timeout=DEADLINE)

    class Meeting(Gated):
        made = 0

        def run(self, request: bytes) -> bytes:
            together.wait()
            return super().run(request)

    threads = RunnerThreads(Meeting, name="model", threads=2)

    answers = await asyncio.gather(threads.run(b""), threads.run(b""))
    threads.close()

    assert set(answers) == {b"model_0", b"model_1"}
    assert Meeting.made == 2


async def test_who_gives_up_costs_the_next_one_nothing() -> None:
    """The model finishes what it has begun, and goes on with the next request."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Gated):
        def run(self, request: bytes) -> bytes:
            begun.set()
            assert go_on.wait(DEADLINE)
            return request

    threads = RunnerThreads(Slow, name="model")
    first = asyncio.ensure_future(threads.run(b"first"))
    assert await asyncio.to_thread(begun.wait, DEADLINE)
    first.cancel()
    second = asyncio.ensure_future(threads.run(b"second"))
    go_on.set()

    assert await asyncio.wait_for(second, DEADLINE) == b"second"
    assert first.cancelled()
    threads.close()


async def test_after_the_close_nothing_is_run(threads: RunnerThreads) -> None:
    """Which may be repeated."""
    await threads.run(b"")
    threads.close()
    threads.close()

    with pytest.raises(ModelError, match="model is closed"):
        await threads.run(b"")


def test_no_threads_are_refused() -> None:
    """Nothing would ever be answered."""
    with pytest.raises(ValueError, match="threads must be 1 or more, but is 0"):
        RunnerThreads(Gated, name="model", threads=0)
