"""What is to be known of a connection by the task that lives with it."""

from __future__ import annotations

import asyncio
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeAlias

from mcp.shared.message import SessionMessage

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Of one message of a server: what is longer ends the request, or the connection."""

Heard: TypeAlias = SessionMessage | Exception
"""A message, or what is wrong with one."""


class Sign(Enum):
    """What the task that lives with a connection is to look after."""

    SUSPECT = "suspect"
    """Something was not answered in time: look whether anything is."""
    CHANGED = "changed"
    """The tools are others now."""


class Wire:
    """Signs of a connection's state, from those who see them to the task that owns it."""

    def __init__(self) -> None:
        self.fault = ""
        """What went wrong last, for people."""
        self.is_lost = False
        self.is_over = asyncio.Event()
        """Set when nothing is left of the connection; then the server knows why."""
        self._signs: set[Sign] = set()
        self._news = asyncio.Event()

    def lose(self, why: str = "") -> None:
        """The connection is gone; nothing is said of the reason where others know more.

        The first reason counts.
        """
        if not self.is_lost or not self.fault:
            self.fault, self.is_lost = why or self.fault, True
        self._news.set()

    def give(self, sign: Sign) -> None:
        """There is something to look after."""
        self._signs.add(sign)
        self._news.set()

    def takes(self, sign: Sign) -> bool:
        """Whether this is to be looked after; it counts as done then."""
        given = sign in self._signs
        self._signs.discard(sign)
        return given

    async def goes_on(self) -> bool:
        """Wait for a sign; False where the connection is lost.

        Without a deadline: a connection may be quiet for ever.
        """
        if not self.is_lost:
            await self._news.wait()
            self._news.clear()
        return not self.is_lost


class Ear:
    """The stream of what a server says, which tells when it is over."""

    def __init__(self, stream: Any, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    @property
    def last_context(self) -> Any:
        """For the SDK: the context that the last message was sent in."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Heard:
        """The next message."""
        heard: Heard = await self._stream.receive()
        return heard

    async def aclose(self) -> None:
        """Hear no more."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Heard:
        try:
            heard: Heard = await self._stream.__anext__()
        except StopAsyncIteration:
            self._wire.lose()
            raise
        return heard

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self._stream.aclose()
