"""The HTTP server of a daemon that a script stands for."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from msgspec.structs import replace

from agentd.management.feed import EventFeed
from agentd.management.health import DaemonView, Health, judge_health
from agentd.management.metrics import Metrics
from agentd.management.metrics_view import MetricsView
from agentd.management.readiness import Readiness, judge_readiness
from agentd.management.server import HttpServer
from agentd.settings.model import HttpSettings

from .controls import STATUS, ScriptedControls

WORD = "a-token-that-nobody-can-guess"

WITH_TOKEN = {"Authorization": f"Bearer {WORD}"}

VIEW = DaemonView(template=STATUS.template, pool=STATUS.pool, link=STATUS.link, jobs=1)


class Scripted:
    """A daemon, its feed and its server."""

    def __init__(self, settings: HttpSettings, sockets: Sequence[socket.socket] = ()) -> None:
        self.view = VIEW
        self.looks = 0
        """How often it was looked at for a probe."""
        self.settings = settings
        self.controls = ScriptedControls()
        self.feed = EventFeed()
        self.server = HttpServer(
            settings,
            self,
            Metrics(MetricsView),
            controls=self.controls,
            feed=self.feed,
            sockets=sockets,
        )

    def health(self) -> Health:
        self.looks += 1
        return judge_health(self.view)

    def readiness(self) -> Readiness:
        self.looks += 1
        return judge_readiness(self.view)

    @property
    def port(self) -> int:
        return self.server.port


@asynccontextmanager
async def served(
    *, sockets: Sequence[socket.socket] = (), **settings: object
) -> AsyncIterator[Scripted]:
    """It serves on a free port for the length of a block."""
    scripted = Scripted(replace(HttpSettings(port=0), **settings), sockets)
    async with scripted.feed.serving(scripted.controls), scripted.server:
        yield scripted


@asynccontextmanager
async def asking(scripted: Scripted) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that sends no header of its own accord."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{scripted.port}") as session:
        yield session


def happen(kind: str, text: str = "it happened", **fields: object) -> None:
    """Something happens in the daemon, as its log tells it."""
    logger = logging.getLogger("agentd.test")
    logger.setLevel(logging.INFO)
    logger.info(text, extra={"action": kind, **fields})
