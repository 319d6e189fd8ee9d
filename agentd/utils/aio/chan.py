"""A queue that can be closed; see `agentd.aio.channel`."""

from __future__ import annotations

import sys
from typing import Generic, TypeVar

from agentd.aio.channel import Channel
from agentd.errors import ChannelClosed, WouldBlock

T = TypeVar("T")

ChanClosed = ChannelClosed
ChanFull = ChanEmpty = WouldBlock


class Chan(Generic[T]):
    """First in, first out; iterating ends when it is closed and empty.

    `maxsize` 0 is without a bound, as in livekit-agents. A full one makes `send` wait and
    `send_nowait` raise ChanFull; a closed one raises ChanClosed at both, and at `recv` when nothing
    is left.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._size = maxsize if maxsize > 0 else sys.maxsize
        self._channel: Channel[T] = Channel(self._size)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent."""
        return self._channel.closed

    async def send(self, value: T) -> None:
        """Put a value in, when there is room."""
        await self._channel.send(value)

    def send_nowait(self, value: T) -> None:
        """Put a value in."""
        self._channel.send_nowait(value)

    async def recv(self) -> T:
        """Take the oldest value, when there is one."""
        return await self._channel.receive()

    def recv_nowait(self) -> T:
        """Take the oldest value; raises ChanEmpty when there is none."""
        return self._channel.receive_nowait()

    def close(self) -> None:
        """Let nothing more in. May be repeated."""
        self._channel.close()

    def qsize(self) -> int:
        """How many values wait."""
        return len(self._channel)

    def full(self) -> bool:
        """Whether there is no room."""
        return len(self._channel) >= self._size

    def empty(self) -> bool:
        """Whether nothing waits."""
        return len(self._channel) == 0

    def __aiter__(self) -> Chan[T]:
        return self

    async def __anext__(self) -> T:
        return await self._channel.__anext__()
