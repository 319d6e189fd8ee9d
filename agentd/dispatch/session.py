"""One registration with LiveKit, from the first message to the loss of the connection.

Signs of life: livekit-server 1.11 sends a WebSocket ping every 10 s and expects nothing of
a worker after the registration, neither reports nor pings (pkg/agent/worker.go sets no read
deadline). Our side needs more, since a connection whose other end is gone would look like a
quiet evening: aiohttp's heartbeat notices a dead socket, and the protocol's own ping a
server, or a proxy before it, whose socket lives and whose worker loop does not. Both take
45 s at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NoReturn

from agentd.aio.timing import wait_event, wall_time
from agentd.errors import ChannelBroken, ProtocolError

from .connection import Connection, LinkTimings
from .messages import Pong, Registered, ServerEvent, ping, read_server_message
from .outbox import Kind, Outbox

logger = logging.getLogger("agentd.dispatch")

MAX_BAD_MESSAGES = 8
"""In a row. WebSocket messages have borders, so a bad one does no harm to the next; but a
server of which nothing is understood is better left."""


class Session:
    """Speaks the agent protocol on one connection."""

    def __init__(self, connection: Connection, outbox: Outbox, timings: LinkTimings) -> None:
        self._connection = connection
        self._outbox = outbox
        self._timings = timings
        self._pong = asyncio.Event()
        self._early: ServerEvent | None = None

    async def register(self, request: bytes) -> Registered:
        """Ask to be a worker, and return when dispatches reach us.

        Raises ChannelBroken, or ProtocolError for any other answer.
        """
        timeout = self._timings.register_timeout
        try:
            async with asyncio.timeout(timeout):
                await self._connection.send(request)
                event = read_server_message(await self._connection.receive())
        except TimeoutError as error:
            raise ChannelBroken(f"LiveKit did not register us within {timeout:g} s") from error
        if not isinstance(event, Registered):
            kind = type(event).__name__
            raise ProtocolError(f"LiveKit's first message was '{kind}', not the registration")
        await self._confirm()
        return event

    async def _confirm(self) -> None:
        # livekit-server answers the registration before it tells itself of the new worker
        # (HandleConnection in pkg/service/agentservice.go), and what is dispatched in between is
        # lost for good. It reads our next message only after that: its answer is the proof.
        try:
            async with asyncio.timeout(self._timings.confirm_timeout):
                await self._connection.send(_ping_now())
                self._early = read_server_message(await self._connection.receive())
        except TimeoutError:
            logger.debug("the registration is unconfirmed", extra={"action": "link_unconfirmed"})
        except ProtocolError as error:
            _warn_of_bad_message(error)

    async def serve(
        self, opening: Iterable[bytes], handle: Callable[[ServerEvent], None]
    ) -> ChannelBroken:
        """Send `opening`, then what the outbox gets, and hand over what comes in.

        Returns why the connection is gone. What `handle` raises is raised.
        """
        lost = ChannelBroken()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(handle), name="link:read")
                tasks.create_task(self._write(opening), name="link:write")
                tasks.create_task(self._ping(), name="link:ping")
        except ExceptionGroup as failures:
            lost = _why_lost(failures)
        return lost

    async def _read(self, handle: Callable[[ServerEvent], None]) -> NoReturn:
        if self._early is not None:
            self._take(self._early, handle)
        bad = 0
        while True:
            try:
                event = read_server_message(await self._connection.receive())
            except ProtocolError as error:
                bad += 1
                _warn_of_bad_message(error)
                if bad >= MAX_BAD_MESSAGES:
                    raise ChannelBroken(f"{bad} messages in a row were not understood") from error
                continue
            bad = 0
            self._take(event, handle)

    def _take(self, event: ServerEvent, handle: Callable[[ServerEvent], None]) -> None:
        if isinstance(event, Pong):
            self._pong.set()
        else:
            handle(event)

    async def _write(self, opening: Iterable[bytes]) -> NoReturn:
        for data in opening:
            await self._send(data)
        while True:
            await self._outbox.send_next(self._send)

    async def _send(self, data: bytes) -> None:
        timeout = self._timings.send_timeout
        try:
            async with asyncio.timeout(timeout):
                await self._connection.send(data)
        except TimeoutError as error:
            raise ChannelBroken(f"LiveKit took nothing for {timeout:g} s") from error

    async def _ping(self) -> NoReturn:
        timeout = self._timings.pong_timeout
        answers = False
        while True:
            await asyncio.sleep(self._timings.ping_interval)
            self._pong.clear()
            self._outbox.put(Kind.PING, _ping_now())
            if await wait_event(self._pong, timeout):
                answers = True
            elif answers:
                # A server that has never answered may simply not know how; one that did is stuck.
                raise ChannelBroken(f"LiveKit did not answer a ping within {timeout:g} s")


def _warn_of_bad_message(error: ProtocolError) -> None:
    logger.warning(
        "a message from LiveKit was not understood",
        extra={"action": "link_bad_message", "error": str(error)},
    )


def _ping_now() -> bytes:
    return ping(int(wall_time() * 1000))


def _why_lost(failures: ExceptionGroup[Exception]) -> ChannelBroken:
    """The loss that ended the tasks; raises what is no loss but a fault of ours."""
    others = failures.split(ChannelBroken)[1]
    if others is not None:
        raise others
    return next(error for error in failures.exceptions if isinstance(error, ChannelBroken))
