"""The connections of a session, one after another: opened, watched, renewed, replaced if lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from openai.types.realtime import RealtimeServerEvent

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import APIError, APIStatusError, APITimeoutError
from agentd.resilience import APIConnectOptions, circuits

from .connection import Connection
from .outbox import Outbox

logger = logging.getLogger("agentd.openai")

HEALTHY_AFTER = 10.0
"""Seconds after which a connection has been a good one: its loss is the first, not one more."""
RENEWAL_PAUSE = 30.0
"""Seconds between two tries to open the connection that is to replace a good one."""


class Crew(Protocol):
    """The session, as its connections know it."""

    async def prepare(self, connection: Connection) -> None:
        """Configure a new connection, and tell it the conversation. Raises APIError."""

    def take(self, event: RealtimeServerEvent) -> None:
        """An event of the service. Raises APIError for one that ends the connection."""

    def opened(self, *, again: bool) -> None:
        """The connection that was prepared last is in use now."""

    def lost(self, error: APIError) -> None:
        """It is gone; another one is tried for."""

    def renewed(self) -> None:
        """The one that was prepared last takes the place of a good one, this moment."""

    async def quiet(self) -> None:
        """Wait until neither side says anything."""


class Line:
    """`run` is the life of a session's connections. Raises what can't be got over."""

    def __init__(  # noqa: PLR0913 - all of it is the session's, and used here alone
        self,
        crew: Crew,
        outbox: Outbox,
        dial: Callable[[], Awaitable[Connection]],
        *,
        conn_options: APIConnectOptions,
        renew_after: float | None,
        renew_deadline: float,
        label: str,
        circuit: str,
    ) -> None:
        self._crew = crew
        self._outbox = outbox
        self._dial = dial
        self._conn_options = conn_options
        self._renew_after = renew_after
        self._renew_deadline = renew_deadline
        self._label = label
        self._circuit = circuit
        self._current: Connection | None = None
        self._next: Connection | None = None
        """The one that takes its place, once `renewed`."""
        self._closing = TaskOwner("realtime closing")
        self._opened_at = 0.0
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self._use(await self._reach())
            self._crew.opened(again=False)
            while True:
                await self._follow()
        finally:
            for connection in (self._current, self._next):
                if connection is not None:
                    await connection.aclose()
            await self._closing.wait()

    async def _follow(self) -> None:
        """Use a connection until it is replaced, or lost and another one is found."""
        assert self._current is not None
        current = self._current
        async with TaskOwner("realtime connection") as owner:
            renewing = owner.start(self._renew(), name="renew", report=False)
            working = [
                owner.start(self._read(current), name="read", report=False),
                owner.start(self._write(), name="write", report=False),
            ]
            await asyncio.wait({renewing, *working}, return_when=asyncio.FIRST_COMPLETED)
        if self._next is not None:
            self._use(self._next)
            self._close(current)
            return
        ended = [task for task in (*working, renewing) if not task.cancelled()]
        # All are asked what they died of, or asyncio would tell it as never retrieved.
        errors = [error for task in ended if (error := task.exception()) is not None]
        await self._replace(current, errors[0])

    async def _replace(self, lost: Connection, error: BaseException | None) -> None:
        if not isinstance(error, APIError):
            assert error is not None
            raise error
        if not error.retryable:
            raise error
        was_healthy = now() - self._opened_at >= HEALTHY_AFTER
        self._failures = 0 if was_healthy else self._failures + 1
        logger.warning(
            "the connection to the realtime model is lost, and opened anew",
            extra={"action": "realtime_connection_lost", "model": self._label, "error": str(error)},
        )
        self._crew.lost(error)
        self._current = None
        self._close(lost)
        self._use(await self._reach(error))
        self._crew.opened(again=True)

    def _close(self, connection: Connection) -> None:
        """Close it aside: the other end takes its time, and the next one is not to wait for it."""
        self._closing.start(connection.aclose(), name="close")

    def _use(self, connection: Connection) -> None:
        self._current, self._next = connection, None
        self._opened_at = now()

    # -- opening -----------------------------------------------------------------------------

    async def _reach(self, error: APIError | None = None) -> Connection:
        """Open a connection, as often as the options allow; `error` has ended the last one."""
        while True:
            if error is not None:
                if not error.retryable or self._failures > self._conn_options.max_retry:
                    raise error
                if self._failures:
                    await asyncio.sleep(self._pause(error))
            try:
                return await self._open()
            except APIError as failure:
                error = failure
                self._failures += 1

    def _pause(self, error: APIError) -> float:
        """Seconds before the next try: no less than the service asks for, within our own limit."""
        usual = self._conn_options.pause_before(self._failures - 1)
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        return max(usual, min(asked or 0.0, self._conn_options.timeout))

    async def _open(self) -> Connection:
        """Open one, and prepare it; raises CircuitOpen where the service is left alone."""
        with circuits().of(self._circuit).attempt():
            return await self._open_now()

    async def _open_now(self) -> Connection:
        connection = await self._dial()
        try:
            await within(now() + self._conn_options.timeout, self._crew.prepare(connection))
        except TimeoutError as error:
            await connection.aclose()
            raise APITimeoutError(f"{self._label} did not begin a session in time") from error
        except BaseException:
            await connection.aclose()
            raise
        return connection

    # -- using -------------------------------------------------------------------------------

    async def _read(self, connection: Connection) -> None:
        while True:
            event = await connection.receive()
            if self._next is not None:
                return  # what the old one still tells is about nothing that goes on
            try:
                self._crew.take(event)
            except APIError:
                raise
            except Exception:  # it lacks what it should have; a call is not to end for that
                logger.exception(
                    "an event of the realtime service can't be used, and is left out",
                    extra={"action": "realtime_event_unusable", "event": event.type},
                )

    async def _write(self) -> None:
        while True:
            event = await self._outbox.take()
            # Whichever is in use now: after a renewal what waits is meant for the new one.
            connection = self._next or self._current
            assert connection is not None
            await connection.send(event)

    async def _renew(self) -> None:
        """Have another connection take the place of this one, at a quiet moment."""
        if self._renew_after is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self._renew_after or 0.0)
        connection = await self._open_ahead()
        try:
            try:
                await within(now() + self._renew_deadline, self._crew.quiet())
            except TimeoutError:
                logger.warning(
                    "no quiet moment came to renew the realtime session: it is renewed now",
                    extra={"action": "realtime_renewal_forced", "model": self._label},
                )
            self._next = connection
            self._crew.renewed()
        finally:
            if self._next is not connection:
                await connection.aclose()

    async def _open_ahead(self) -> Connection:
        while True:
            try:
                return await self._open()
            except APIError as error:
                logger.warning(
                    "the realtime session can't be renewed yet",
                    extra={
                        "action": "realtime_renewal_failed",
                        "model": self._label,
                        "error": str(error),
                    },
                )
            await asyncio.sleep(RENEWAL_PAUSE)
