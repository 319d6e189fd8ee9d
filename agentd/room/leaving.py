"""Hearing that a room is left, by whatever the SDK tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livekit import rtc

DELETION_GRACE = 2.0
"""Seconds from the word that others had to go because the room was deleted to one's own end there.
It comes in the same moment, unless the signal connection has broken first: the SDK then connects
anew, and stands alone in a new room of the same name (livekit 1.2.1)."""


def on_leaving(room: rtc.Room, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back, once or twice, when the room is left; returns how to stop that.

    The SDK tells the state first, the event `disconnected` turns of the event loop later, and now
    and then not at all (livekit 1.2.1). Whoever hears of it by the event alone comes last.
    """

    def gone(_reason: object) -> None:
        callback()

    def changed(_state: object) -> None:
        if not room.isconnected():
            callback()

    def stop() -> None:
        room.off("disconnected", gone)
        room.off("connection_state_changed", changed)

    room.on("disconnected", gone)
    room.on("connection_state_changed", changed)
    return stop


def on_deletion(room: rtc.Room, callback: Callable[[], None]) -> None:
    """Call back when others have told that the room is deleted, DELETION_GRACE after each."""

    def left(participant: rtc.RemoteParticipant) -> None:
        if participant.disconnect_reason == rtc.DisconnectReason.ROOM_DELETED:
            asyncio.get_running_loop().call_later(DELETION_GRACE, callback)

    room.on("participant_disconnected", left)


@contextmanager
def told_of_leaving(room: rtc.Room, callback: Callable[[], None]) -> Iterator[None]:
    """Call back, once or twice, when the room is left within this block."""
    stop = on_leaving(room, callback)
    try:
        yield
    finally:
        stop()
