"""What waits to be sent to LiveKit: one bounded queue that knows what may be lost.

The order is first come, first served. What differs is the loss: when the queue is full,
the oldest of the least important kind goes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import IntEnum

from msgspec import Struct

LIMIT = 128


class Kind(IntEnum):
    """Kinds of messages, the least important first."""

    WORKER_REPORT = 0  # the next one says it all again
    PING = 1
    JOB_RUNNING = 2
    ANSWER = 3  # void with its connection, so at most 10 s old
    JOB_ENDED = 4  # said once, and still true on the next connection


class Message(Struct, frozen=True):
    """One encoded message."""

    kind: Kind
    data: bytes


class Outbox:
    """Takes messages from anybody at once, and gives them to one sender."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()
        self._in_hand: Message | None = None
        self._later = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.dropped = 0
        """Messages lost because the queue was full."""

    def __len__(self) -> int:
        return len(self._waiting) + self._later

    def put(self, kind: Kind, data: bytes, *, delay: float = 0.0) -> None:
        """Add a message; never blocks, and may cost an older or less important one.

        With a delay it joins the others so many seconds later, whatever becomes of the connection
        meanwhile; where `limit` of them wait for that, at once.
        """
        message = Message(kind, data)
        if delay <= 0 or self._later >= self._limit:
            self._add(message)
            return
        self._later += 1
        asyncio.get_running_loop().call_later(delay, self._add_late, message)
        self._note_fill()

    def _add_late(self, message: Message) -> None:
        self._later -= 1
        self._add(message)

    def _add(self, message: Message) -> None:
        self._waiting.append(message)
        if len(self._waiting) > self._limit:
            self._waiting.remove(min(self._waiting, key=lambda each: each.kind))
            self.dropped += 1
        self._note_fill()

    async def send_next(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Wait for a message and send it; one that fails to go out is first in line again."""
        await self._filled.wait()
        self._in_hand = message = self._waiting.popleft()
        try:
            await send(message.data)
        except BaseException:
            self._waiting.appendleft(message)
            raise
        finally:
            self._in_hand = None
            self._note_fill()

    def keep_only(self, kind: Kind) -> None:
        """Forget everything else: it meant something on the connection that is gone."""
        self._waiting = deque(message for message in self._waiting if message.kind is kind)
        self._note_fill()

    async def wait_empty(self) -> None:
        """Wait until everything is sent. The sender must be running."""
        await self._emptied.wait()

    def _note_fill(self) -> None:
        _set_to(self._filled, bool(self._waiting))
        _set_to(self._emptied, not (self._waiting or self._later or self._in_hand is not None))


def _set_to(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
