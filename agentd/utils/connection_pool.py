"""Connections of a provider's that are kept open between requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now

logger = logging.getLogger("agentd.utils")

T = TypeVar("T")


class ConnectionPool(Generic[T]):
    """Hands out connections, and takes them back.

    `connect_cb(timeout)` makes one, within `connect_timeout` seconds or those of the request;
    `close_cb` closes one. A connection older than `max_session_duration` seconds (since it was
    made or, with `mark_refreshed_on_get`, last handed out) is closed rather than handed out.
    """

    def __init__(
        self,
        *,
        max_session_duration: float | None = None,
        mark_refreshed_on_get: bool = False,
        connect_cb: Callable[[float], Awaitable[T]],
        close_cb: Callable[[T], Awaitable[None]] | None = None,
        connect_timeout: float = 10.0,
    ) -> None:
        self._max_age = max_session_duration
        self._refreshes = mark_refreshed_on_get
        self._connect_cb = connect_cb
        self._close_cb = close_cb
        self._connect_timeout = connect_timeout
        self._fresh_since: dict[T, float] = {}
        """Of all that may be handed out again."""
        self._free: list[T] = []
        self._tasks = TaskOwner("connection pool")
        self._prewarming: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connection(self, *, timeout: float) -> AsyncIterator[T]:
        """A connection for the block; it is kept only if the block ends well."""
        conn = await self.get(timeout=timeout)
        try:
            yield conn
        except BaseException:
            self.remove(conn)
            raise
        self.put(conn)

    async def get(self, *, timeout: float) -> T:
        """A free connection, or a new one within `timeout` seconds; raises what `connect_cb` does,
        and TimeoutError."""
        while self._free:
            conn = self._free.pop()
            if self._is_fresh(conn):
                if self._refreshes:
                    self._fresh_since[conn] = now()
                return conn
            self.remove(conn)
        return await self._connect(timeout)

    def put(self, conn: T) -> None:
        """Give one back; one that was invalidated meanwhile is closed."""
        if conn not in self._fresh_since:
            self._close(conn)
        elif conn not in self._free:
            self._free.append(conn)

    def remove(self, conn: T) -> None:
        """Close one; nobody is given it any more."""
        if self._fresh_since.pop(conn, None) is not None:
            self._free = [each for each in self._free if each is not conn]
            self._close(conn)

    def invalidate(self) -> None:
        """Hand none of them out again: what is free is closed, the others when given back."""
        free, self._free = self._free, []
        self._fresh_since.clear()
        for conn in free:
            self._close(conn)

    def prewarm(self) -> None:
        """Make the first connection before it is needed; returns at once."""
        if self._prewarming is None and not self._fresh_since:
            self._prewarming = self._tasks.start(self._prewarm(), name="prewarm")

    async def aclose(self) -> None:
        """Close what is free, and wait for that. May be repeated."""
        if self._prewarming is not None:
            self._prewarming.cancel()
        self.invalidate()
        await self._tasks.wait()

    async def _connect(self, timeout: float) -> T:
        async with asyncio.timeout(timeout):
            conn = await self._connect_cb(timeout)
        self._fresh_since[conn] = now()
        return conn

    async def _prewarm(self) -> None:
        try:
            self.put(await self._connect(self._connect_timeout))
        except Exception as error:  # noqa: BLE001 - a plugin's; the first request tries anew
            logger.warning(
                "a connection could not be made ahead; the first request makes it",
                extra={
                    "action": "connection_not_made_ahead",
                    "error": str(error) or type(error).__name__,
                },
            )

    def _is_fresh(self, conn: T) -> bool:
        return self._max_age is None or now() - self._fresh_since[conn] <= self._max_age

    def _close(self, conn: T) -> None:
        if self._close_cb is not None:
            self._tasks.start(self._closing(self._close_cb, conn), name="close")

    async def _closing(self, close: Callable[[T], Awaitable[None]], conn: T) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout):
                await close(conn)
        except Exception as error:  # noqa: BLE001 - a plugin's; it is gone all the same
            logger.warning(
                "a connection could not be closed in order",
                extra={
                    "action": "connection_close_failed",
                    "error": str(error) or type(error).__name__,
                },
            )
