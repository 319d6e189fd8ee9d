"""A session's inputs and outputs in a LiveKit room."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from agentd.io.session_side import SessionSide

ROOM_IO = "agentd.room.roomio"


class RoomLink(Protocol):
    """What a session does with its room's side."""

    async def start(self) -> None:
        """Fill the session's slots that are empty, and follow the room."""

    async def publish_dtmf(self, *, code: int, digit: str) -> None:
        """Press a key of the telephone; raises SessionError where the room does not take it."""

    async def aclose(self) -> None:
        """Let go of the room. May be repeated."""


def make_room_link(session: SessionSide, room: Any, options: Any) -> RoomLink:
    """The room's side of a session.

    Loaded here and not with this module: a session without a room must not load the media library.
    """
    made: RoomLink = importlib.import_module(ROOM_IO).RoomIO(session, room, options=options)
    return made
