"""The keys of a telephone: what they are called, and dialling them into a call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from .room_link import RoomLink

GAP = 0.3
"""Seconds between two keys, so that a switchboard tells them apart."""


class DtmfEvent(StrEnum):
    """A key. Their order is that of their codes (RFC 4733)."""

    ZERO = "0"
    ONE = "1"
    TWO = "2"
    THREE = "3"
    FOUR = "4"
    FIVE = "5"
    SIX = "6"
    SEVEN = "7"
    EIGHT = "8"
    NINE = "9"
    STAR = "*"
    POUND = "#"
    A = "A"
    B = "B"
    C = "C"
    D = "D"

    @property
    def code(self) -> int:
        """What it is on the wire."""
        return list(DtmfEvent).index(self)


def keys(text: str | Sequence[DtmfEvent]) -> list[DtmfEvent]:
    """The keys of a text such as "42#"; raises ValueError for what is no key."""
    try:
        return [DtmfEvent(key.upper()) for key in text]
    except ValueError:
        raise ValueError(f"only 0 to 9, *, # and A to D can be dialled, but not '{text}'") from None


async def dial(link: RoomLink, pressed: list[DtmfEvent]) -> None:
    """Press the keys, one after the other. Raises SessionError where the room takes none."""
    for number, key in enumerate(pressed):
        if number:
            await asyncio.sleep(GAP)
        await link.publish_dtmf(code=key.code, digit=key.value)
