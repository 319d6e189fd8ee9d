"""Hearing that a room is left, by whatever the SDK tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livekit import rtc


@contextmanager
def told_of_leaving(room: rtc.Room, callback: Callable[[], None]) -> Iterator[None]:
    """Call back, once or twice, when the room is left within this block.

    The SDK tells the state first, and now and then not the event (livekit 1.2.1).
    """

    def gone(_reason: object) -> None:
        callback()

    def changed(_state: object) -> None:
        if not room.isconnected():
            callback()

    room.on("disconnected", gone)
    room.on("connection_state_changed", changed)
    try:
        yield
    finally:
        room.off("disconnected", gone)
        room.off("connection_state_changed", changed)
