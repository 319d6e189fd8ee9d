"""Asking a room for something that it may be left before it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from livekit import rtc

from agentd.aio.timing import now

T = TypeVar("T")


async def while_joined(room: rtc.Room, answer: Awaitable[T], *, timeout: float) -> T:
    """Await a room's answer; raises TimeoutError after so many seconds, or once the room is left.

    The SDK reads what concerns a room until that is disconnected: an answer that comes later
    reaches nobody, and who waits for it waits for ever (seen with livekit 1.2.1).
    """
    async with asyncio.timeout(timeout) as deadline:

        def give_up(_reason: object) -> None:
            if not deadline.expired():
                deadline.reschedule(now())

        room.on("disconnected", give_up)
        try:
            return await answer
        finally:
            room.off("disconnected", give_up)
