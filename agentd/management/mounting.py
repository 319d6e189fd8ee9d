"""Mounts the table of routes on a web application: input is checked before a handler sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from agentd.errors import ControlRefused

from .answers import Handler, answer, document_answer, read_body, read_query, timed
from .control import ControlApi
from .openapi import make_document
from .routes import PREFIX, ROUTES, STREAM, Route
from .views import MAX_TEXT, is_line


def mount(app: web.Application, api: ControlApi, routes: Iterable[Route] = ROUTES) -> None:
    """Add the API; the app also needs `answers.json_errors` and a body limit."""
    routes = tuple(routes)
    for route in routes:
        app.router.add_route(route.method, f"{PREFIX}{route.path}", _handler_of(route, api))
    document = msgspec.json.encode(make_document(routes))

    async def show_document(_: web.Request) -> web.Response:
        return document_answer(document)

    app.router.add_get(f"{PREFIX}/openapi.json", show_document)
    app.on_shutdown.append(api.close)


def _handler_of(route: Route, api: ControlApi) -> Handler:
    called: Callable[..., Awaitable[Any]] = getattr(api, route.name)

    async def handle(request: web.Request) -> web.StreamResponse:
        given = await _read(route, request)
        told: Struct = await called(**given)
        return answer(told, route.status)

    return _streamed(getattr(api, route.stream), timed(handle)) if route.stream else timed(handle)


def _streamed(stream: Handler, once: Handler) -> Handler:
    """Only who asks for a stream is given one: others would wait for its end."""

    async def handle(request: web.Request) -> web.StreamResponse:
        wants_stream = STREAM in request.headers.get(hdrs.ACCEPT, "")
        return await (stream if wants_stream else once)(request)

    return handle


async def _read(route: Route, request: web.Request) -> dict[str, Any]:
    """What the handler is called with; raises ControlRefused."""
    given: dict[str, Any] = {name: _id(request, name) for name in route.parameters}
    if route.query is not None:
        given["query"] = read_query(request, route.query)
    if route.body is not None:
        given["body"] = await read_body(request, route.body)
    return given


def _id(request: web.Request, name: str) -> str:
    text = request.match_info[name]
    if len(text) > MAX_TEXT or not is_line(text):
        raise ControlRefused(f"that is no {name.replace('_', ' ')}", code="bad_request")
    return text
