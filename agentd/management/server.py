"""The HTTP server and its lifetime."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence

from aiohttp import web

from agentd.errors import PortBusy
from agentd.settings.model import HttpSettings

from .answers import answer
from .health import Health
from .metrics import CONTENT_TYPE, Metrics

logger = logging.getLogger("agentd.management")

SHUTDOWN_TIMEOUT = 1.0


class HttpServer:
    """Serves until closed. `async with` starts and ends it."""

    def __init__(
        self,
        settings: HttpSettings,
        health: Callable[[], Health],
        metrics: Metrics,
        *,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        """`sockets` listen already, and stay open for whoever gave them; else one is opened."""
        self._settings = settings
        self._inherited = sockets
        self._health = health
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._show_metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
        self.port = 0
        """The port that was taken, once started."""

    async def __aenter__(self) -> HttpServer:
        await self._runner.setup()
        try:
            for site in self._sites():
                await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise PortBusy(self._why(error)) from error
        self.port = self._runner.addresses[0][1]
        logger.info(
            "health is served",
            extra={
                "action": "http_listening",
                "url": f"http://{self._settings.host}:{self.port}/healthz",
            },
        )
        return self

    def _sites(self) -> list[web.BaseSite]:
        if self._inherited:
            # Copies: a site closes its own, and this server may be started again.
            return [web.SockSite(self._runner, each.dup()) for each in self._inherited]
        return [web.TCPSite(self._runner, self._settings.host, self._settings.port)]

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    def _why(self, error: OSError) -> str:
        where = f"{self._settings.host}:{self._settings.port}"
        return (
            f"can't listen on {where}: {error.strerror or error}; "
            "set another port with --port or AGENTD_PORT, 0 takes a free one"
        )

    async def _healthz(self, _request: web.Request) -> web.Response:
        health = self._health()
        return answer(health, health.http_status)

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
