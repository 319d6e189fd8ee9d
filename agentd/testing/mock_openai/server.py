"""The server: its life, what it was asked, and its faults; each endpoint is a module beside it."""

from __future__ import annotations

from typing import Any, Self

from aiohttp import web
from msgspec import Struct

from .faults import FaultsPlan

HOST = "127.0.0.1"
SHUTDOWN_TIMEOUT = 0.1
"""Seconds that open requests have at the end: those that stall on purpose would not end."""
MAX_BODY_BYTES = 32 * 1024 * 1024


class Seen(Struct, frozen=True, kw_only=True):
    """One request."""

    path: str
    headers: dict[str, str]
    body: Any
    """The JSON of it, or the fields of a form by name."""


class MockOpenAI:
    """Runs for the length of an `async with`, on a free port of loopback.

    Each endpoint has a script and a plan of faults, by its path: `faults["chat/completions"]`.
    """

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        """All that came, in their order."""
        self.faults: dict[str, FaultsPlan] = {}
        self.base_url = ""
        """With the version, as the SDK wants it; known once it runs."""
        self._app = web.Application(client_max_size=MAX_BODY_BYTES)
        self._runner = web.AppRunner(
            self._app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT, handler_cancellation=True
        )

    def plan(self, path: str) -> FaultsPlan:
        """The faults of an endpoint, such as `chat/completions`."""
        return self.faults.setdefault(path, FaultsPlan())

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.base_url = f"http://{HOST}:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()
