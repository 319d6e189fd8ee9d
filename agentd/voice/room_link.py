"""A session's inputs and outputs in a LiveKit room."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from msgspec import Struct

from agentd.io.session_side import SessionSide

ROOM_IO = "agentd.room.roomio"


class RoomLink(Protocol):
    """What a session does with its room's side."""

    @property
    def deletes_room(self) -> bool:
        """Whether the room is to go with the session."""

    async def start(self) -> None:
        """Fill the session's slots that are empty, and follow the room."""

    async def publish_dtmf(self, *, code: int, digit: str) -> None:
        """Press a key of the telephone; raises SessionError where the room does not take it."""

    async def aclose(self) -> None:
        """Let go of the room. May be repeated."""


class RoomWishes(Struct, frozen=True, kw_only=True):
    """A room, and what a session wants of it, as the user said it; None for the defaults."""

    room: Any = None
    options: Any = None
    input_options: Any = None
    output_options: Any = None


def make_room_link(session: SessionSide, wishes: RoomWishes) -> RoomLink:
    """The room's side of a session.

    Loaded here and not with this module: a session without a room must not load the media library.
    """
    made: RoomLink = importlib.import_module(ROOM_IO).RoomIO(
        session,
        wishes.room,
        options=wishes.options,
        input_options=wishes.input_options,
        output_options=wishes.output_options,
    )
    return made
