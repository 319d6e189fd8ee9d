"""`/models`: what the service has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from aiohttp import web

from .endpoint import Endpoint
from .faults import HttpFault
from .writing import answer


class ModelsEndpoint(Endpoint):
    """Lists the names in `names`."""

    path: ClassVar[str] = "models"

    def __init__(self) -> None:
        super().__init__()
        self.names = ["mock"]

    def routes(self) -> Sequence[web.RouteDef]:
        """It is only read."""
        return [web.get(f"/v1/{self.path}", self.handle)]

    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """See the base class."""
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "mock"} for name in self.names
        ]
        page = msgspec.json.encode({"object": "list", "data": models})
        return await answer(request, [page], content_type="application/json", fault=fault)
