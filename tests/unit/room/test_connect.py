"""Joining a room that takes its time, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from livekit import rtc

from agentd.aio.timing import now
from agentd.errors import ParticipantTimeout
from agentd.room.connect import CONNECT_TIMEOUT, Joiner
from agentd.room.fake import FakeRoom
from agentd.room.participants import wait_for_participant
from agentd.testing.virtual_time import run_virtual

URL = "wss://user:password@livekit.example:7880/path"


class SlowRoom(FakeRoom):
    """Connects when the test says so."""

    def __init__(self) -> None:
        super().__init__(name="r", identity="agent")
        self._open = False
        self.attempts = 0
        self.broken_off = 0
        self.server: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Its answer."""

    async def connect(self, url: str, token: str, options: rtc.RoomOptions | None = None) -> None:
        self.attempts += 1
        try:
            await asyncio.shield(self.server)
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        self._open = True


def virtual(test: Coroutine[Any, Any, None]) -> None:
    run_virtual(test)


async def join(joiner: Joiner) -> None:
    await joiner.join(URL, "token")


async def join_in_vain(joiner: Joiner) -> str:
    """What a call says that ends with an error."""
    with pytest.raises(rtc.ConnectError) as raised:
        await join(joiner)
    return str(raised.value)


def test_joining_has_a_deadline_and_says_what_it_waited_for_and_what_to_do() -> None:
    """The server by its name, without the password in its address."""

    async def scenario() -> None:
        joiner = Joiner(SlowRoom())

        said = await join_in_vain(joiner)

        assert now() == CONNECT_TIMEOUT
        assert "within 30 s: livekit.example:7880 does not answer" in said
        assert "media ports" in said
        assert "password" not in said
        await joiner.leave()

    virtual(scenario())


def test_the_next_call_goes_on_with_the_attempt_that_took_too_long() -> None:
    """Two would join one after the other under one identity: the server puts one of them out."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        await join_in_vain(joiner)

        asyncio.get_running_loop().call_later(5.0, room.server.set_result, None)
        await join(joiner)

        assert now() == CONNECT_TIMEOUT + 5.0
        assert (room.isconnected(), room.attempts) == (True, 1)

    virtual(scenario())


def test_an_attempt_that_joined_after_its_deadline_is_taken_as_it_is() -> None:
    """The user's code waited a moment before it called again."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        await join_in_vain(joiner)
        room.server.set_result(None)
        await asyncio.sleep(1.0)

        await join(joiner)

        assert (room.isconnected(), room.attempts) == (True, 1)

    virtual(scenario())


def test_an_attempt_that_failed_after_its_deadline_is_not_told_again() -> None:
    """The next call makes another one."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        await join_in_vain(joiner)
        room.server.set_exception(rtc.ConnectError("refused"))
        await asyncio.sleep(1.0)
        room.server = asyncio.get_running_loop().create_future()
        room.server.set_result(None)

        await join(joiner)

        assert (room.isconnected(), room.attempts) == (True, 2)

    virtual(scenario())


def test_the_sdks_own_error_comes_as_it_is() -> None:
    """And the next call makes another attempt."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        room.server.set_exception(rtc.ConnectError("refused"))

        said = [await join_in_vain(joiner) for _ in range(2)]

        assert said == ["refused", "refused"]
        assert room.attempts == 2

    virtual(scenario())


def test_a_caller_that_gives_up_breaks_no_attempt_off() -> None:
    """A deadline of the user's own, shorter than ours."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await join(joiner)
        assert room.broken_off == 0

        room.server.set_result(None)
        await join(joiner)

        assert room.attempts == 1

    virtual(scenario())


def test_leaving_ends_an_attempt() -> None:
    """Nothing is left behind by a job that ends before it has joined."""

    async def scenario() -> None:
        room = SlowRoom()
        joiner = Joiner(room)
        await join_in_vain(joiner)

        await joiner.leave()
        await joiner.leave()

        assert (room.broken_off, room.isconnected()) == (1, False)

    virtual(scenario())


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (None, "nobody joined the room within 2.5 s"),
        ("anna", "'anna' has not joined the room within 2.5 s"),
    ],
)
def test_waiting_for_a_participant_may_have_a_deadline(identity: str | None, said: str) -> None:
    """To the instant; the error is a TimeoutError too, and names who was waited for."""

    async def scenario() -> None:
        room = FakeRoom(name="r", identity="agent")

        with pytest.raises(TimeoutError, match=said) as raised:
            await wait_for_participant(room, identity=identity, timeout=2.5)

        assert now() == 2.5
        assert isinstance(raised.value, ParticipantTimeout)

    virtual(scenario())


def test_waiting_for_a_participant_has_no_deadline_unless_asked_for() -> None:
    """A caller may come after an hour; with the room it is over."""

    async def scenario() -> None:
        room = FakeRoom(name="r", identity="agent")
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(wait_for_participant(room))
            await asyncio.sleep(3600.0)
            assert not waiting.done()
            waiting.cancel()

    virtual(scenario())
