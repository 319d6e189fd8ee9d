"""Hearing that a room is left, by whatever the SDK tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livekit import rtc


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


@contextmanager
def told_of_leaving(room: rtc.Room, callback: Callable[[], None]) -> Iterator[None]:
    """Call back, once or twice, when the room is left within this block."""
    stop = on_leaving(room, callback)
    try:
        yield
    finally:
        stop()
