"""The only module that reads a clock.

Rules take `now` as an argument and waits go through the event loop, so a test on a
virtual loop sees exact instants. `wall_time` is for what people and other machines
read (log records, tokens, APIs), never for measuring.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


def now() -> float:
    """Seconds on the running loop's clock; for instants (`..._at`) and differences."""
    return asyncio.get_running_loop().time()


def monotonic() -> float:
    """Seconds on the system's monotonic clock, for code that runs without a loop."""
    return time.monotonic()


def wall_time() -> float:
    """Seconds since the epoch, for records that leave the process."""
    return time.time()


async def within(deadline_at: float, awaitable: Awaitable[T]) -> T:
    """Await something until an instant of the loop's clock; raises TimeoutError after it."""
    async with asyncio.timeout_at(deadline_at):
        return await awaitable


async def wait_event(event: asyncio.Event, timeout: float) -> bool:
    """Wait up to `timeout` seconds for an event; says whether it came."""
    try:
        async with asyncio.timeout(timeout):
            return await event.wait()
    except TimeoutError:
        return False
