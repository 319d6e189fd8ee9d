"""Asking a room for something that it may be left before it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from livekit import rtc

from agentd.aio.timing import now

from .leaving import told_of_leaving

T = TypeVar("T")


async def while_joined(room: rtc.Room, answer: Awaitable[T], *, timeout: float) -> T:
    """Await a room's answer; raises TimeoutError after so many seconds, or once the room is left.

    The SDK reads what concerns a room until that is disconnected: an answer that comes later
    reaches nobody, and who waits for it waits for ever (seen with livekit 1.2.1).
    """
    async with asyncio.timeout(timeout) as deadline:

        def give_up() -> None:
            if not deadline.expired():
                deadline.reschedule(now())

        with told_of_leaving(room, give_up):
            return await answer
