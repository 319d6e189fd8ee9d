"""The control API on a Unix socket in the runtime directory, for our own user and root."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

from aiohttp import web

from agentd.errors import ControlRefused
from agentd.ipc.listener import Peer, bind_unix, peer_of

from .answers import MAX_BODY, Handler, json_errors
from .control import ControlApi
from .controls import Controls
from .events_stream import EventsStream
from .feed import EventFeed
from .metrics import Metrics
from .mounting import mount
from .scrape import add_metrics

logger = logging.getLogger("agentd.management")

SHUTDOWN_TIMEOUT = 1.0
"""Seconds for handlers that are under way when the server closes."""

KEEPALIVE_TIMEOUT = 15.0
"""Seconds that a connection may be idle."""


class ControlServer:
    """Serves until closed. `async with` starts and ends it."""

    def __init__(
        self,
        path: Path,
        controls: Controls,
        feed: EventFeed | None = None,
        *,
        metrics: Metrics | None = None,
    ) -> None:
        """`metrics`: served too, for who has no way to the HTTP port."""
        self._path = path
        app = web.Application(middlewares=[json_errors, only_our_user], client_max_size=MAX_BODY)
        mount(app, ControlApi(controls))
        if feed is not None:
            EventsStream(feed).add_to(app)
        if metrics is not None:
            add_metrics(app, metrics)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            handler_cancellation=True,  # a stream ends when its client goes away
        )

    async def __aenter__(self) -> ControlServer:
        """Raises AlreadyRunning when somebody listens there, DirectoryUnusable when none can."""
        sock = bind_unix(self._path)
        try:
            await self._runner.setup()
            await _BoundSite(self._runner, sock, str(self._path)).start()
        except BaseException:
            sock.close()
            await self._runner.cleanup()
            raise
        logger.info(
            "the control API is served",
            extra={"action": "control_listening", "path": str(self._path)},
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        # First, so that nobody new finds it while it closes.
        self._path.unlink(missing_ok=True)
        await self._runner.cleanup()


@web.middleware
async def only_our_user(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse everybody but root and the user that the daemon runs as.

    The socket's mode says the same; this holds where a directory was opened up by mistake.
    """
    peer = _peer(request)
    if peer is None or peer.uid not in (os.getuid(), 0):
        logger.warning(
            "a request of another user was refused",
            extra={
                "action": "control_peer_refused",
                "peer_pid": peer and peer.pid,
                "peer_uid": peer and peer.uid,
            },
        )
        raise ControlRefused(
            "only root and the user that the daemon runs as may ask", code="forbidden"
        )
    return await handler(request)


def _peer(request: web.Request) -> Peer | None:
    """By the kernel's word; None when the connection has gone."""
    transport = request.transport
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is None:
        return None
    try:
        return peer_of(sock)
    except OSError:
        return None


class _BoundSite(web.BaseSite):
    """aiohttp's site for a Unix socket that is bound already, with its mode set."""

    def __init__(self, runner: web.AppRunner, sock: socket.socket, name: str) -> None:
        super().__init__(runner)
        self._sock = sock
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        await super().start()
        assert self._runner.server is not None
        # Not SockSite: uvloop would take the socket for TCP.
        self._server = await asyncio.get_running_loop().create_unix_server(
            self._runner.server, sock=self._sock, backlog=self._backlog
        )
