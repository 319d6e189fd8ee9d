"""What is taken for a room's end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from livekit import rtc

from agentd.room.fake import FakeRoom
from agentd.room.leaving import DELETION_GRACE, on_deletion
from agentd.testing.virtual_time import run_virtual


@pytest.mark.parametrize(
    ("reason", "told_at"),
    [
        (rtc.DisconnectReason.ROOM_DELETED, [DELETION_GRACE]),
        (rtc.DisconnectReason.CLIENT_INITIATED, []),
        (None, []),
    ],
)
def test_others_who_go_since_the_room_is_deleted_tell_of_its_end(
    reason: rtc.DisconnectReason.ValueType | None, told_at: list[float]
) -> None:
    """The SDK may have missed its own, and be in a new room of that name by then."""

    async def scenario() -> list[float]:
        room = FakeRoom(name="r", identity="agent")
        told: list[float] = []
        loop = asyncio.get_running_loop()
        on_deletion(room, lambda: told.append(loop.time()))
        room.emit("participant_disconnected", SimpleNamespace(disconnect_reason=reason))
        await asyncio.sleep(60)
        return told

    assert run_virtual(scenario()) == told_at
