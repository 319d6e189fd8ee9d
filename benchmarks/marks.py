"""Hears from the measured agents (app.py) what they do when."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct


class Mark(Struct, frozen=True):
    """One agent's word; `at` is CLOCK_MONOTONIC in nanoseconds."""

    what: str
    room: str
    at: int
    pid: int


class Marks(asyncio.DatagramProtocol):
    """A datagram socket that collects marks. `async with`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[Mark] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Marks:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=str(self.path), family=socket.AF_UNIX
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            self._transport.close()
        self.path.unlink(missing_ok=True)

    def datagram_received(self, data: bytes, _address: object) -> None:
        self.seen.append(msgspec.json.decode(data, type=Mark))
        self._news.set()

    def count(self, what: str) -> int:
        """How many marks of a kind have come."""
        return sum(mark.what == what for mark in self.seen)

    def find(self, what: str, room: str) -> Mark | None:
        """The first mark of a kind from a room."""
        return next((m for m in self.seen if m.what == what and m.room == room), None)

    async def wait_count(self, what: str, count: int, timeout: float) -> bool:
        """Wait until there are so many of a kind; says whether that was in time."""
        try:
            async with asyncio.timeout(timeout):
                while self.count(what) < count:
                    await self._next()
        except TimeoutError:
            return False
        return True

    async def wait_for(self, what: str, room: str, timeout: float) -> Mark:
        """The mark of a kind from a room; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while (mark := self.find(what, room)) is None:
                await self._next()
            return mark

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()
