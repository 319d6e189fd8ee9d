"""Connections of the HTTP server: only so many, and none that takes its time for ever.

aiohttp has a deadline for a silent connection, but none for a client that does not read its
answer, and no limit to their number. This stands between it and the transport.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from aiohttp import web

from agentd.figures import count
from agentd.figures.families import HTTP_REFUSED

from .answers import Handler

logger = logging.getLogger("agentd.management")

MAX_CONNECTIONS = 256
"""At the same time; the one that has been idle for longest makes room for a new one."""

IDLE_TIMEOUT = 15.0
"""Seconds for a request's headers to arrive, counted from the connection or the answer before;
that answer has to be read within them too."""


class Connections:
    """All connections of one server."""

    def __init__(self) -> None:
        self._idle: OrderedDict[asyncio.Transport, asyncio.TimerHandle] = OrderedDict()
        self._busy: set[asyncio.Transport] = set()
        self.refused = 0
        """Connections that were closed to make room, or for want of it."""
        self.expired = 0
        """Connections that were closed since nothing came, or nothing was read, in time."""

    @property
    def count(self) -> int:
        return len(self._idle) + len(self._busy)

    def wrap(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """A factory of protocols whose connections are counted here."""
        return lambda: _Watched(make(), self)

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The outermost middleware: a request that is handled has deadlines of its own."""
        transport = request.transport
        self._set_busy(transport)
        try:
            return await handler(request)
        finally:
            self._set_idle(transport)

    def opened(self, transport: asyncio.Transport) -> bool:
        """A connection has come; False when there is no room for it."""
        if self.count >= MAX_CONNECTIONS:
            self.refused += 1
            count(HTTP_REFUSED, why="full")
            if not self._idle:
                return False
            oldest = next(iter(self._idle))
            self.closed(oldest)
            oldest.abort()
        self._arm(transport)
        return True

    def closed(self, transport: asyncio.Transport) -> None:
        """A connection has gone. May be repeated."""
        self._busy.discard(transport)
        timer = self._idle.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def _set_busy(self, transport: asyncio.Transport | None) -> None:
        timer = None if transport is None else self._idle.pop(transport, None)
        if timer is not None and transport is not None:
            timer.cancel()
            self._busy.add(transport)

    def _set_idle(self, transport: asyncio.Transport | None) -> None:
        if transport is not None and transport in self._busy:
            self._busy.discard(transport)
            self._arm(transport)

    def _arm(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._idle[transport] = loop.call_later(IDLE_TIMEOUT, self._expire, transport)

    def _expire(self, transport: asyncio.Transport) -> None:
        self.expired += 1
        count(HTTP_REFUSED, why="idle")
        self.closed(transport)
        transport.abort()


class _Watched(asyncio.Protocol):
    """Passes everything on to aiohttp's protocol."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours = cast("asyncio.Transport", transport)  # uvloop's are so in all but name
        if not self._connections.opened(ours):
            ours.abort()
            return
        self._transport = ours
        self._inner.connection_made(ours)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.closed(self._transport)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport is not None else False

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
