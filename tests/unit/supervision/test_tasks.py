"""asyncio tasks as children, and lives that end badly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from agentd.aio.timing import now
from agentd.errors import NotStarted
from agentd.supervision.budget import KILL_WAIT
from agentd.supervision.exits import NORMAL, SHUTDOWN, Exit, ExitReason
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import ChildSpec, Running, Start, SupervisorSpec
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import ready_task_child, task_child
from agentd.testing.virtual_time import run_virtual

Ready = Callable[[], None]


async def for_ever() -> None:
    """A good child: works until it is cancelled."""
    await asyncio.Event().wait()


async def finish() -> str:
    """A child whose work is soon done."""
    await asyncio.sleep(1.0)
    return "a result that nobody wants"


async def crash() -> None:
    """A child that fails."""
    await asyncio.sleep(1.0)
    raise OSError("disk on fire")


async def turn_deaf(seconds: float) -> None:
    """A child that does not heed cancellation for so long."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    while not done.done():
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            continue


async def be_deaf() -> None:
    """A child that can't be ended."""
    await turn_deaf(1000.0)


def one(start: Start, *, shutdown: float = 2.0, start_timeout: float = 10.0) -> Supervisor:
    """A supervisor with one temporary child."""
    child = ChildSpec(
        id="a",
        start=start,
        restart=RestartPolicy.TEMPORARY,
        shutdown=shutdown,
        start_timeout=start_timeout,
    )
    return Supervisor(SupervisorSpec(name="sup", children=(child,)))


async def exit_of(start: Start) -> Exit:
    """How a child ends by itself."""
    return await (await start()).wait()


async def stop_at(supervisor: Supervisor, at: float) -> float:
    """Start, stop at an instant; when it had ended."""
    asyncio.get_running_loop().call_at(at, supervisor.ask_stop, "the test")
    try:
        await supervisor.start()
    except NotStarted:
        pass  # the stop came first
    await supervisor.wait()
    return now()


def test_a_task_that_returns_ended_normally() -> None:
    """Its result is of no concern."""
    assert run_virtual(exit_of(task_child(finish, name="a"))) == NORMAL


def test_a_task_that_raises_ended_with_its_error() -> None:
    """The exception itself, for reports with a traceback."""
    exit = run_virtual(exit_of(task_child(crash, name="a")))

    assert exit.reason is ExitReason.ERROR
    assert exit.text == "OSError: disk on fire"


def test_a_task_that_is_asked_to_stop_ended_with_shutdown() -> None:
    """It was cancelled because it was asked."""

    async def ask() -> Exit:
        running = await task_child(for_ever, name="a")()
        running.ask_stop("the test")
        return await running.wait()

    assert run_virtual(ask()) == SHUTDOWN


def test_a_task_that_others_cancel_ended_abnormally() -> None:
    """Nobody asked it to end."""

    async def cancelled_inside() -> None:
        raise asyncio.CancelledError

    exit = run_virtual(exit_of(task_child(cancelled_inside, name="a")))

    assert exit.text == "its task was cancelled by others"


def test_a_child_with_a_signal_is_started_when_it_gives_it() -> None:
    """As `start_link` returns at the init ack."""

    async def prepare(ready: Ready) -> None:
        await asyncio.sleep(3.0)
        ready()
        await for_ever()

    async def start() -> float:
        async with one(ready_task_child(prepare, name="a")):
            return now()

    assert run_virtual(start()) == 3.0


def test_a_child_that_fails_before_its_signal_was_not_started() -> None:
    """The error of the start is its own."""

    async def fail(ready: Ready) -> None:
        raise OSError("no disk")

    with pytest.raises(NotStarted, match="'a' of 'sup' could not be started: OSError: no disk"):
        run_virtual(one(ready_task_child(fail, name="a")).start())


def test_a_child_that_ends_before_its_signal_was_not_started() -> None:
    """Not even when it ends well."""

    async def forget(ready: Ready) -> None:
        return

    with pytest.raises(NotStarted, match="ended before it was ready"):
        run_virtual(one(ready_task_child(forget, name="a")).start())


def test_a_start_that_takes_too_long_is_cut_off() -> None:
    """The message says how long it had."""

    async def dawdle(ready: Ready) -> None:
        await for_ever()

    start = ready_task_child(dawdle, name="a")

    with pytest.raises(NotStarted, match="it was not ready within 4 s"):
        run_virtual(one(start, start_timeout=4.0).start())


def test_a_start_that_does_not_heed_its_stop_is_waited_for_until_its_deadlines() -> None:
    """Its grace, then as long as force may take; never for ever."""

    async def dig_in(ready: Ready) -> None:
        await be_deaf()

    supervisor = one(ready_task_child(dig_in, name="a"), shutdown=2.0)

    assert run_virtual(stop_at(supervisor, 1.0)) == 1.0 + 2.0 + KILL_WAIT


def test_a_task_that_can_not_be_ended_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """The supervisor ends all the same and says what it leaves behind."""
    supervisor = one(task_child(be_deaf, name="a"), shutdown=2.0)

    ended_at = run_virtual(stop_at(supervisor, 1.0))

    assert ended_at == 1.0 + 2.0 + KILL_WAIT
    assert "child is given up" in caplog.messages


def test_a_task_that_ends_when_forced_is_reported_as_killed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It ended, but not in good order."""

    async def be_deaf_for_a_while() -> None:
        await turn_deaf(4.0)

    supervisor = one(task_child(be_deaf_for_a_while, name="a"), shutdown=2.0)

    ended_at = run_virtual(stop_at(supervisor, 1.0))

    assert ended_at == 4.0
    assert vars(caplog.records[-1])["reason"] == ("killed: it did not end within 2 s when asked")


def test_what_a_cancelled_start_still_brings_about_is_stopped() -> None:
    """A start may be done in the very moment in which it is given up."""
    lives: list[Running] = []

    async def start() -> Running:
        await turn_deaf(1.5)
        lives.append(await task_child(for_ever, name="a")())
        return lives[0]

    async def stop() -> Exit:
        await stop_at(one(start), 1.0)
        return await lives[0].wait()

    assert run_virtual(stop()) == SHUTDOWN


def test_what_a_start_brings_about_after_it_was_given_up_is_killed() -> None:
    """However late it comes."""
    lives: list[Running] = []

    async def start() -> Running:
        await turn_deaf(50.0)
        lives.append(await task_child(for_ever, name="a")())
        return lives[0]

    async def stop() -> Exit:
        await stop_at(one(start), 1.0)
        await asyncio.sleep(60.0)
        return await lives[0].wait()

    assert run_virtual(stop()) == SHUTDOWN


def test_a_child_whose_asking_raises_is_forced(caplog: pytest.LogCaptureFixture) -> None:
    """An adapter's bug must not keep a child alive."""

    class Touchy:
        """Can only be killed."""

        def __init__(self) -> None:
            self._ended = asyncio.Event()

        async def wait(self) -> Exit:
            await self._ended.wait()
            return SHUTDOWN

        def ask_stop(self, reason: str) -> None:
            raise RuntimeError("don't ask")

        def kill(self) -> None:
            self._ended.set()

    async def start() -> Running:
        return Touchy()

    assert run_virtual(stop_at(one(start, shutdown=2.0), 1.0)) == 3.0
    assert [
        r.levelno for r in caplog.records if r.message == "child could not be asked to end"
    ] == [logging.ERROR]


@pytest.mark.parametrize("turns", range(12))
def test_everything_may_be_cancelled_at_once(turns: int) -> None:
    """As when a loop is closed, at whatever point of a stop: who waits for the end sees it."""
    children = tuple(
        ChildSpec(id=name, start=task_child(for_ever, name=name)) for name in ("one", "two")
    )

    async def scenario() -> bool:
        supervisor = Supervisor(SupervisorSpec(name="s", children=children))
        await supervisor.start()
        closing = asyncio.create_task(supervisor.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everything:
            task.cancel()
        await asyncio.wait({closing}, timeout=60.0)
        return closing.done()

    assert run_virtual(scenario())
