"""What each endpoint of the API has: its paths, what it was asked, its faults, and refusals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from aiohttp import web
from msgspec import Struct

from .faults import FaultsPlan, HttpFault

MULTIPART = "multipart/"


class Seen(Struct, frozen=True, kw_only=True):
    """One request."""

    path: str
    """The endpoint's; of a request to none, the whole path."""
    headers: Mapping[str, str]
    """By names of any case."""
    body: Any
    """The JSON of it, or the fields of a form by name; a file is its bytes."""
    query: dict[str, str] = {}
    url: str = ""
    """As it was asked for: path and query."""
    port: int = 0
    """Of the client: the same for the requests of one connection."""


class Refused(Exception):
    """The request is not as the API wants it; becomes an error in OpenAI's form."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        """Which part of the request is wrong."""
        self.status = status

    def response(self) -> web.Response:
        """As the API says it."""
        error = {
            "message": str(self),
            "type": "invalid_request_error",
            "param": self.param,
            "code": self.code,
        }
        return web.json_response({"error": error}, status=self.status)


class Endpoint(ABC):
    """One path of the API. A subclass says how a request is answered."""

    path: ClassVar[str]
    """Below the version, such as `chat/completions`."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        """What this endpoint was asked, in order."""
        self.faults = FaultsPlan()
        """How its next requests fail."""
        self.listeners: list[Callable[[Seen], object]] = [self.requests.append]
        """Told of each request; the server adds itself."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Where it is served: at OpenAI's path and at Azure's."""
        return [
            web.post(f"/v1/{self.path}", self.handle),
            web.post(f"/openai/deployments/{{deployment}}/{self.path}", self.handle),
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it, or fail as planned."""
        seen = await self.note(request)
        try:
            return await self.answer(request, seen.body, self.faults.take())
        except Refused as refused:
            return refused.response()

    async def note(self, request: web.Request) -> Seen:
        """What the request says, added to the lists of those that were seen."""
        seen = Seen(
            path=self.path,
            headers=request.headers,
            body=await _body(request),
            query=dict(request.query),
            url=request.path_qs,
            port=client_port(request),
        )
        for tell in self.listeners:
            tell(seen)
        return seen

    @abstractmethod
    async def answer(
        self, request: web.Request, body: Any, fault: HttpFault | None
    ) -> web.StreamResponse:
        """Answer a request, see `writing.answer`; raises Refused for one that the API refuses."""


def client_port(request: web.Request) -> int:
    """The port that a request came from."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return int(peer[1]) if peer else 0


async def _body(request: web.Request) -> Any:
    if request.content_type.startswith(MULTIPART):
        return await _form(request)
    raw = await request.read()
    try:
        return msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError:
        return None


async def _form(request: web.Request) -> dict[str, Any]:
    """Fields by name; one that comes several times is a list."""
    fields: dict[str, Any] = {}
    form = await request.post()
    for name in form:
        values = [_value(value) for value in form.getall(name)]
        fields[name] = values if len(values) > 1 else values[0]
    return fields


def _value(field: str | bytes | bytearray | web.FileField) -> str | bytes | bytearray:
    if not isinstance(field, web.FileField):
        return field
    with field.file as file:  # a request that is broken off would leave it open
        return file.read()
