"""`/realtime`, a WebSocket: a conversation by speech."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from aiohttp import web

from agentd.aio.bell import Bell
from agentd.aio.timing import now, within

from .endpoint import Endpoint
from .faults import HttpFault, HttpFaultKind
from .realtime_connection import RealtimeConnection
from .realtime_script import RealtimeScript
from .writing import answer


class RealtimeEndpoint(Endpoint):
    """Each connection is a session of its own; all of them follow one script.

    `faults` are those of the handshake; faults of responses are the script's.
    """

    path: ClassVar[str] = "realtime"

    def __init__(self) -> None:
        super().__init__()
        self.script = RealtimeScript()
        self.connections: list[RealtimeConnection] = []
        """All that were opened, the current one last."""
        self._changed = Bell()

    @property
    def current(self) -> RealtimeConnection:
        """The connection that was opened last."""
        return self.connections[-1]

    async def connected(self, count: int = 1, *, timeout: float = 5.0) -> RealtimeConnection:
        """Wait until so many connections were opened, and the last one is configured."""
        await within(now() + timeout, self._changed.until(lambda: len(self.connections) >= count))
        connection = self.connections[count - 1]
        await within(now() + timeout, connection.ready.wait())
        return connection

    def routes(self) -> Sequence[web.RouteDef]:
        """At OpenAI's path and at Azure's."""
        return [web.get(path, self.handle) for path in ("/v1/realtime", "/openai/v1/realtime")] + [
            web.get("/openai/realtime", self.handle)
        ]

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """Open a session, or refuse the handshake."""
        if fault is not None:
            if fault.kind is HttpFaultKind.RESET and request.transport is not None:
                request.transport.abort()
            if fault.kind in (HttpFaultKind.STALL, HttpFaultKind.SLOW_FIRST_BYTE):
                await asyncio.sleep(fault.seconds)
            if fault.kind is not HttpFaultKind.SLOW_FIRST_BYTE:
                return await answer(request, [b""], content_type="text/plain", fault=fault)
        model = request.query.get("model") or request.query.get("deployment") or ""
        connection = RealtimeConnection(self.script, model)
        self.connections.append(connection)
        self._changed.ring()
        return await connection.serve(request)
