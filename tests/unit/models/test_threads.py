"""Tests of agentd.models.threads: real threads, so real time, in milliseconds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from agentd.errors import ModelError
from agentd.models import RunnerThreads
from agentd.models.work import AHEAD

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


class Stoppable:
    """A runner that computes until it is stopped, and notes what it was doing."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.stopped = threading.Event()
        self.given_up: list[bytes] = []

    def load(self) -> None:
        """Nothing."""

    def run(self, request: bytes) -> bytes:
        """Gives a short request back at once."""
        if request == b"short":
            return request
        self.began.set()
        assert self.stopped.wait(DEADLINE)
        self.given_up.append(request)
        raise ModelError("stopped")

    def stop(self) -> None:
        """As it is asked."""
        self.stopped.set()


async def test_what_nobody_waits_for_is_stopped() -> None:
    """Where the runner can; the next request is answered at once."""
    runner = Stoppable()
    threads = RunnerThreads(lambda: runner, name="model")

    async with asyncio.timeout(DEADLINE):
        first = asyncio.ensure_future(threads.run(b"long"))
        await asyncio.to_thread(runner.began.wait, DEADLINE)
        first.cancel()
        await asyncio.wait([first])
        answer = await threads.run(b"short")

    threads.close()
    assert answer == b"short"
    assert runner.given_up == [b"long"]


async def test_what_has_not_begun_stops_nothing() -> None:
    """A request that is cancelled in the queue leaves alone the one that runs."""
    runner = Stoppable()
    threads = RunnerThreads(lambda: runner, name="model")

    async with asyncio.timeout(DEADLINE):
        first = asyncio.ensure_future(threads.run(b"long"))
        await asyncio.to_thread(runner.began.wait, DEADLINE)
        second = asyncio.ensure_future(threads.run(b"short"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        still_running = not runner.stopped.is_set()
        first.cancel()
        await asyncio.wait([first])

    threads.close()
    assert still_running
    assert runner.stopped.is_set()


class Counting(Gated):
    """Has an answer in parts, as many as the request says."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.ended = threading.Event()

    def stream(self, request: bytes, give: Callable[[bytes], bool]) -> None:
        """The numbers from 0."""
        for number in range(int(request)):
            self.given = number + 1
            if not give(str(number).encode()):
                break
        self.ended.set()


async def test_an_answer_comes_in_parts() -> None:
    """All of them, in their order, although they wait for each other."""
    threads = RunnerThreads(Counting, name="model")

    parts = [part async for part in threads.stream(b"200")]

    assert parts == [str(number).encode() for number in range(200)]
    threads.close()


async def test_a_runner_without_parts_gives_one(threads: RunnerThreads) -> None:
    """Who asks need not know."""
    assert [part async for part in threads.stream(b"ask ")] == [b"ask model_0"]


async def test_a_stream_that_is_closed_stops_its_runner() -> None:
    """It is never far ahead, and the thread is free for the next request."""
    runner = Counting()
    threads = RunnerThreads(lambda: runner, name="model")
    parts = threads.stream(b"1000000")
    assert await anext(parts) == b"0"
    await parts.aclose()

    assert await asyncio.to_thread(runner.ended.wait, DEADLINE)
    assert runner.given <= 2 * AHEAD + 2
    assert await threads.run(b"next ") == b"next model_0"
    threads.close()


async def test_a_runner_that_goes_on_unwanted_waits_for_nobody() -> None:
    """Its library may not know how to stop, and its thread is wanted again."""
    done = threading.Event()

    class Deaf(Gated):
        def stream(self, request: bytes, give: Callable[[bytes], bool]) -> None:
            for _ in range(10 * AHEAD):
                give(b"x")
            done.set()

    threads = RunnerThreads(Deaf, name="model")
    parts = threads.stream(b"")
    assert await anext(parts) == b"x"
    await parts.aclose()

    assert await asyncio.to_thread(done.wait, DEADLINE)
    threads.close()


async def test_what_a_stream_raises_comes_after_its_parts() -> None:
    """Nothing that was given is lost."""

    class Failing(Gated):
        def stream(self, request: bytes, give: Callable[[bytes], bool]) -> None:
            give(request)
            raise ModelError("no more")

    threads = RunnerThreads(Failing, name="model")
    parts = threads.stream(b"first")

    assert await anext(parts) == b"first"
    with pytest.raises(ModelError, match="no more"):
        await anext(parts)
    threads.close()


async def test_a_stream_that_waits_for_its_turn_can_be_given_up() -> None:
    """It never begins then."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def run(self, request: bytes) -> bytes:
            begun.set()
            assert go_on.wait(DEADLINE)
            return request

    runner = Slow()
    threads = RunnerThreads(lambda: runner, name="model")
    first = asyncio.ensure_future(threads.run(b"first"))
    assert await asyncio.to_thread(begun.wait, DEADLINE)
    second = asyncio.ensure_future(anext(threads.stream(b"5")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    go_on.set()
    await first

    assert await threads.run(b"third") == b"third"
    assert runner.given == 0
    threads.close()
