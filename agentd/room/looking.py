"""Looking into a room, now and at each of its events, until something is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from livekit import rtc

from agentd.errors import JobError, ParticipantTimeout

from .leaving import told_of_leaving

T = TypeVar("T")


async def until_found(
    room: rtc.Room,
    events: Sequence[str],
    find: Callable[[], T | None],
    *,
    timeout: float | None,
    left: str,
    late: str,
) -> T:
    """What `find` finds, looked for now and at each of these events of the room's.

    Raises JobError where the room is not connected, or is left before (`left` says so), and what
    `find` raises of that kind; ParticipantTimeout (`late`) after `timeout` seconds, if given.
    """
    if not room.isconnected():
        raise JobError("the room is not connected: call ctx.connect() first")
    found: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def look(*_: object) -> None:
        if found.done():
            return
        try:
            result = find()
        except JobError as error:
            found.set_exception(error)
            return
        if result is not None:
            found.set_result(result)

    def give_up() -> None:
        if not found.done():
            found.set_exception(JobError(left))

    with _listening(room, events, look), told_of_leaving(room, give_up):
        look()
        try:
            async with asyncio.timeout(timeout):
                return await found
        except TimeoutError:
            raise ParticipantTimeout(
                f"{late} within {timeout} s: wait longer, or end the job"
            ) from None


@contextmanager
def _listening(
    room: rtc.Room, events: Sequence[str], callback: Callable[..., None]
) -> Iterator[None]:
    for event in events:
        room.on(event, callback)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for event in events:
            room.off(event, callback)  # type: ignore[arg-type]
