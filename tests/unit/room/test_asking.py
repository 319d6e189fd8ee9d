"""Asking a room for something that it may be left before it answers, on virtual time."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from agentd.aio.timing import now
from agentd.room.asking import while_joined
from agentd.room.fake import FakeRoom
from agentd.testing.virtual_time import run_virtual


async def answer_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def a_room() -> FakeRoom:
    return FakeRoom(name="r", identity="agent")


def test_an_answer_in_time_is_handed_on() -> None:
    """And the room has no handler left."""

    async def scene() -> None:
        room = a_room()
        assert await while_joined(room, answer_after(1.0), timeout=2.0) == "done"
        room.emit("disconnected", rtc.DisconnectReason.ROOM_DELETED)

    run_virtual(scene())


def test_nobody_waits_for_an_answer_of_a_room_that_was_left() -> None:
    """The SDK would not hand it on."""

    async def scene() -> None:
        room = a_room()
        asyncio.get_running_loop().call_later(
            0.5, room.emit, "disconnected", rtc.DisconnectReason.ROOM_DELETED
        )
        with pytest.raises(TimeoutError):
            await while_joined(room, answer_after(60.0), timeout=2.0)
        assert now() == pytest.approx(0.5)

    run_virtual(scene())


def test_a_room_that_does_not_answer_is_not_waited_for_longer_than_was_said() -> None:
    """A disconnect in that very moment changes nothing."""

    async def scene() -> None:
        room = a_room()
        asyncio.get_running_loop().call_later(
            2.0, room.emit, "disconnected", rtc.DisconnectReason.ROOM_DELETED
        )
        with pytest.raises(TimeoutError):
            await while_joined(room, answer_after(60.0), timeout=2.0)
        assert now() == pytest.approx(2.0)

    run_virtual(scene())
