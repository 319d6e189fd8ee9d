"""The server: its life, what it was asked, and its endpoints, each of which is a module."""

from __future__ import annotations

from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from agentd.aio.bell import Bell

from .chat import ChatEndpoint
from .endpoint import Endpoint, Refused, Seen, client_port
from .faults import FaultsPlan
from .models import ModelsEndpoint
from .realtime import RealtimeEndpoint
from .responses import ResponsesEndpoint
from .speech import SpeechEndpoint
from .transcriptions import TranscriptionsEndpoint

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 0.1
"""That open requests have at the end: those that stall on purpose would not end."""
MAX_BODY_BYTES = 32 * 1024 * 1024


class MockOpenAI:
    """Runs for the length of an `async with`, on a free port of loopback.

    Each endpoint has a script, a plan of faults and a list of what it was asked: `api.chat`. By
    their paths the plans are in `faults["chat/completions"]`, too.
    """

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        """All that came, in their order."""
        self.base_url = ""
        """With the version, as the SDK wants it; known once it runs."""
        self.chat = ChatEndpoint()
        self.models = ModelsEndpoint()
        self.realtime = RealtimeEndpoint()
        self.responses = ResponsesEndpoint()
        self.speech = SpeechEndpoint()
        self.transcriptions = TranscriptionsEndpoint()
        # A further endpoint is made above and named here, and that is all.
        self._endpoints: tuple[Endpoint, ...] = (
            self.chat,
            self.models,
            self.realtime,
            self.responses,
            self.speech,
            self.transcriptions,
        )
        self._open = 0
        self._app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._count])
        for endpoint in self._endpoints:
            endpoint.listeners.append(self._note)
            self._app.add_routes(endpoint.routes())
        self._app.router.add_route("*", "/{rest:.*}", self._not_found)
        self._arrived = Bell()
        self._runner = web.AppRunner(
            self._app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, handler_cancellation=True
        )

    @property
    def faults(self) -> dict[str, FaultsPlan]:
        """The plan of each endpoint, by its path."""
        return {endpoint.path: endpoint.faults for endpoint in self._endpoints}

    def plan(self, path: str) -> FaultsPlan:
        """The faults of an endpoint, such as `chat/completions`; raises KeyError for another."""
        return self.faults[path]

    @property
    def origin(self) -> str:
        """Without the version, as Azure's client wants it."""
        return self.base_url.removesuffix("/v1")

    async def wait_for_requests(self, count: int) -> None:
        """Return once so many have come since the start."""
        await self._arrived.until(lambda: len(self.requests) >= count)

    async def wait_until_idle(self) -> None:
        """Return once no request is being answered: each was, or its client has gone."""
        await self._arrived.until(lambda: not self._open)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._open += 1
        try:
            return await handler(request)
        finally:
            self._open -= 1
            self._arrived.ring()

    def _note(self, seen: Seen) -> None:
        self.requests.append(seen)
        self._arrived.ring()

    async def _not_found(self, request: web.Request) -> web.Response:
        path = request.match_info["rest"]
        self._note(Seen(path=path, headers=request.headers, body=None, port=client_port(request)))
        return Refused(f"Invalid URL ({request.method} /{path})", status=404).response()

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.base_url = f"http://{HOST}:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()
