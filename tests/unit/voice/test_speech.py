"""One thing that the agent says, from its making to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import SessionError
from agentd.testing.virtual_time import run_virtual
from agentd.voice.speech import STUCK_TIMEOUT, Speech, SpeechHandle, owning_speech, speech_of


def speech(*, allow_interruptions: bool = True) -> Speech:
    """A speech that nobody works on yet."""
    return Speech(source="say", allow_interruptions=allow_interruptions)


async def turn_deaf() -> None:
    """Work that does not heed an interruption, but a cancellation."""
    await asyncio.sleep(1000)


def run(coro: Coroutine[Any, Any, Any]) -> Any:
    """Run on the virtual clock."""
    return run_virtual(coro)


def test_a_speech_is_over_when_its_work_is() -> None:
    """Awaiting the handle gives the handle, at that instant."""

    async def scenario() -> tuple[bool, float, bool]:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, asyncio.sleep(2.0))
            waited = await it.handle
        return waited is it.handle, now(), it.handle.done()

    assert run(scenario()) == (True, 2.0, True)


def test_awaiting_a_speech_that_fails_does_not_raise() -> None:
    """`exception()` tells; the log does too."""

    async def fail() -> None:
        raise ValueError("no voice")

    async def scenario() -> tuple[str, bool]:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, fail())
            await it.handle
        return str(it.handle.exception()), it.handle.interrupted

    assert run(scenario()) == ("no voice", False)


def test_what_became_of_a_speech_is_not_known_before_its_end() -> None:
    """As with a future."""

    async def scenario() -> None:
        speech().handle.exception()

    with pytest.raises(asyncio.InvalidStateError):
        run(scenario())


def test_a_protected_speech_is_not_interrupted_unless_it_must_be() -> None:
    """It raises, and stays as it was; `force` does it."""

    async def scenario() -> list[bool]:
        it = speech(allow_interruptions=False)
        with pytest.raises(SessionError, match="force=True"):
            it.handle.interrupt()
        before = it.handle.interrupted
        it.handle.interrupt(force=True)
        return [before, it.handle.interrupted]

    assert run(scenario()) == [False, True]


def test_an_interrupted_speech_can_not_be_protected_any_more() -> None:
    """It is too late for that."""

    async def scenario() -> None:
        it = speech()
        it.interrupt()
        it.handle.allow_interruptions = False

    with pytest.raises(SessionError, match="interrupted already"):
        run(scenario())


def test_protecting_a_speech_is_told_once() -> None:
    """Turn-taking hears of the change, and of no repetition."""

    async def scenario() -> list[bool]:
        it, told = speech(), []
        it.on_protected = lambda changed: told.append(changed.allow_interruptions)
        it.handle.allow_interruptions = False
        it.handle.allow_interruptions = False
        it.handle.allow_interruptions = True
        return told

    assert run(scenario()) == [False, True]


def test_what_does_not_heed_an_interruption_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """Five seconds later the speech is over in any case."""

    async def scenario() -> tuple[float, bool]:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, turn_deaf())
            it.interrupt()
            await it.handle
            return now(), it.handle.interrupted

    with caplog.at_level(logging.ERROR):
        assert run(scenario()) == (STUCK_TIMEOUT, True)
    assert [record.action for record in caplog.records] == ["speech_stuck"]  # type: ignore[attr-defined]


def test_work_that_heeds_the_interruption_is_not_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It ends in its own time, and no alarm is left."""

    async def work(it: Speech) -> None:
        await it.unless_interrupted(asyncio.get_running_loop().create_future())
        await asyncio.sleep(1.0)

    async def scenario() -> float:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, work(it))
            it.interrupt()
            await it.handle
            ended_at = now()
            await asyncio.sleep(STUCK_TIMEOUT)
        return ended_at

    assert run(scenario()) == 1.0
    assert caplog.records == []


def test_a_speech_whose_task_is_cancelled_is_over_and_interrupted() -> None:
    """As when the session closes: whoever waits for it goes on."""

    async def scenario() -> tuple[bool, bool]:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, turn_deaf())
            await asyncio.sleep(0.1)
        return it.handle.done(), it.handle.interrupted

    assert run(scenario()) == (True, True)


def test_done_callbacks_are_called_once_with_the_handle() -> None:
    """Those that come late, too; one that raises costs no other its call."""

    async def scenario() -> list[str]:
        it, heard = speech(), []

        def fail(_: SpeechHandle) -> None:
            raise ValueError("not my day")

        def forgotten(_: SpeechHandle) -> None:
            heard.append("forgotten")

        it.handle.add_done_callback(fail)
        it.handle.add_done_callback(forgotten)
        it.handle.add_done_callback(lambda handle: heard.append(f"first {handle is it.handle}"))
        it.handle.remove_done_callback(forgotten)
        it.finish()
        it.finish(ValueError("too late"))
        it.handle.add_done_callback(lambda _: heard.append("late"))
        await asyncio.sleep(0)
        return heard

    assert run(scenario()) == ["first True", "late"]


def test_a_tool_can_not_wait_for_the_speech_that_called_it() -> None:
    """It would wait for itself; it is told what to use instead."""

    async def scenario() -> None:
        it = speech()
        owning_speech.set(it)
        await it.handle

    with pytest.raises(SessionError, match=r"context\.wait_for_playout"):
        run(scenario())


def test_cancelling_who_waits_leaves_the_speech_alone() -> None:
    """It is not the waiter's."""

    async def scenario() -> bool:
        it = speech()
        async with TaskOwner("test") as owner:
            it.start(owner, asyncio.sleep(5.0))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(it.handle.wait_for_playout(), 1.0)
            over_before = it.done
            await it.wait()
        return over_before or it.interrupted

    assert run(scenario()) is False


def test_waiting_unless_interrupted_ends_with_the_interruption() -> None:
    """And cancels nothing of what is waited for."""

    async def scenario() -> tuple[float, bool]:
        it = speech()
        asyncio.get_running_loop().call_later(1.0, it.interrupt)
        slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await it.handle.wait_if_not_interrupted([slow])
        instant = now()
        it.finish()
        return instant, slow.cancelled()

    assert run(scenario()) == (1.0, False)


def test_the_sessions_side_of_a_handle_is_its_speech() -> None:
    """For those inside the room."""

    async def scenario() -> bool:
        it = speech()
        return speech_of(it.handle) is it

    assert run(scenario())
