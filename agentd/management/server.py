"""The HTTP server and its lifetime."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from agentd.errors import PortBusy
from agentd.settings.model import HttpSettings

from .answers import MAX_BODY, as_json, json_errors
from .connections import IDLE_TIMEOUT, Connections
from .control import ControlApi
from .controls import Controls
from .door import Door
from .events_stream import EventsStream
from .feed import EventFeed
from .health import Health
from .kept import Kept
from .listening import BACKLOG, open_sockets, shown_url, take_inherited
from .metrics import Metrics
from .mounting import mount
from .pagefiles import add_page
from .readiness import Readiness
from .scrape import add_metrics
from .tls import make_tls

logger = logging.getLogger("agentd.management")

SHUTDOWN_TIMEOUT = 1.0

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for TLS to be agreed on."""

PROBE_INTERVAL = 0.1
"""Seconds that the answer to a probe is kept: probes need no token, so anybody may send many."""

Probe = tuple[bytes, int]
"""An answer and its status."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "agentd",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer that has no word of its own on them."""


class Judged(Protocol):
    """The daemon, as far as probes ask for it."""

    def health(self) -> Health: ...
    def readiness(self) -> Readiness: ...


class HttpServer:
    """Serves until closed. `async with` starts and ends it."""

    def __init__(
        self,
        settings: HttpSettings,
        daemon: Judged,
        metrics: Metrics,
        *,
        controls: Controls,
        feed: EventFeed,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        """`sockets` listen already, and stay open for whoever gave them; else one is opened."""
        self._settings = settings
        self._health = Kept(lambda: _encoded(daemon.health()), PROBE_INTERVAL)
        self._readiness = Kept(lambda: _encoded(daemon.readiness()), PROBE_INTERVAL)
        self._inherited = sockets
        self.door = Door(settings)
        self.connections = Connections()
        # In this order: what the door refuses is an error that is told in our form.
        guards = [self.connections.watch, json_errors, self.door.guard]
        app = web.Application(middlewares=guards, client_max_size=MAX_BODY)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        add_page(app)
        add_metrics(app, metrics)
        EventsStream(feed).add_to(app)
        mount(app, ControlApi(controls))
        app.on_response_prepare.append(_add_headers)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_aiohttp_logger(),
            shutdown_timeout=SHUTDOWN_TIMEOUT,
            keepalive_timeout=IDLE_TIMEOUT,
            handler_cancellation=True,  # a stream ends when its client goes away
        )
        self.port = 0
        """The port that was taken, once started."""

    async def __aenter__(self) -> HttpServer:
        """Raises PortBusy, or SettingsError for a certificate or a socket that can't be used."""
        tls = make_tls(self._settings)
        async with AsyncExitStack() as stack:
            if self._inherited:
                sockets = take_inherited(self._settings, self._inherited)
            else:
                sockets = await open_sockets(self._settings)
            for sock in sockets:
                stack.callback(sock.close)
            self.port = sockets[0].getsockname()[1]
            stack.push_async_callback(self._runner.cleanup)
            await self._runner.setup()
            for sock in sockets:
                await self._serve(sock, tls)
            stack.pop_all()
        logger.info(
            "health is served",
            extra={
                "action": "http_listening",
                "url": shown_url(self._settings, self.port, "/healthz"),
                "inherited": bool(self._inherited),
                "token": bool(self._settings.http_token),
            },
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        assert self._runner.server is not None
        make = self.connections.wrap(self._runner.server)
        try:
            await _Site(self._runner, sock, make, tls).start()
        except OSError as error:
            raise PortBusy(f"can't listen on port {self.port}: {error}") from error

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _probe_answer(self._health.get())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _probe_answer(self._readiness.get())


class _Site(web.BaseSite):
    """aiohttp's site for a socket that listens already, with connections that are watched."""

    def __init__(
        self,
        runner: web.AppRunner,
        sock: socket.socket,
        make: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(runner)
        self._sock = sock
        self._make = make
        self._tls = tls

    @property
    def name(self) -> str:
        return str(self._sock.getsockname())

    async def start(self) -> None:
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._make,
            sock=self._sock,
            backlog=BACKLOG,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_TIMEOUT,
        )


def _aiohttp_logger() -> logging.Logger:
    """aiohttp's word on its own faults, without a traceback for everybody who sends no HTTP."""
    found = logging.getLogger("agentd.management.aiohttp")
    found.addFilter(_is_no_bad_request)
    return found


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, HttpProcessingError)


def _encoded(judged: Health | Readiness) -> Probe:
    return as_json(judged), judged.http_status


def _probe_answer(probe: Probe) -> web.Response:
    body, status = probe
    return web.Response(body=body, status=status, content_type="application/json")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        if name not in response.headers or name == hdrs.SERVER:
            response.headers[name] = value
