"""A daemon that is only seen: the status page on answers that a test gives.

For what a real daemon can't be brought to on demand: an older one, a stream that breaks off at a
certain point, a hundred slots, names that nobody would use.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from agentd.management.pagefiles import add_page

Document = dict[str, Any]

OLD_STATUS: Document = {
    "version": "0.1.0",
    "pid": 1,
    "uptime": 60.0,
    "link": {"phase": "registered"},
    "pool": {"slots": 2, "children": [], "idle": 1, "starting": 0, "busy": 0, "waiting": 0},
}
"""As little as there ever was."""


class PageStub:
    """Serves until closed; `url` once it is open."""

    def __init__(self, answers: Document | None = None, *, token: str = "") -> None:
        self.answers = answers or {}
        """Bodies of GET below /api/v1, by path; what is not there is 404."""
        self.token = token
        self.forbidden = ""
        """Why nothing may be steered."""
        self.posted: list[tuple[str, Document]] = []
        self.ids: list[str] = []
        """What each stream said of where it stands."""
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._first: list[bytes] = []
        app = web.Application()
        add_page(app)
        app.router.add_get("/events", self._events)
        app.router.add_get("/api/v1/{path:.*}", self._get)
        app.router.add_post("/api/v1/{path:.*}", self._post)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._port = 0
        self._shut = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def __aenter__(self) -> PageStub:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.cut()
        await self._runner.cleanup()

    def shut(self) -> None:
        """Break every stream off and each connection that asks something, until `open`."""
        self._shut = True
        self.cut()

    def open(self) -> None:
        """Answer again."""
        self._shut = False

    def cut(self) -> None:
        """Break every stream off."""
        for stream in self._streams:
            stream.put_nowait(None)

    def begin_with(self, kind: str, body: Document) -> None:
        """Each stream from now on begins with this, after what was said here before."""
        self._first.append(_message(kind, body, ""))
        self.send(kind, body)

    def send(self, kind: str, body: Document, number: str = "") -> None:
        """Say this on each stream that is open."""
        for stream in self._streams:
            stream.put_nowait(_message(kind, body, number))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        self.ids.append(request.headers.get("Last-Event-ID", ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        stream: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._streams.add(stream)
        try:
            for first in self._first:
                await response.write(first)
            while (data := await stream.get()) is not None:
                await response.write(data)
        finally:
            self._streams.discard(stream)
        return response

    async def _get(self, request: web.Request) -> web.Response:
        self._check(request)
        path = request.match_info["path"]
        if path not in self.answers:
            return _refused(404, "not_found", f"there is no {path}")
        return web.json_response(self.answers[path])

    async def _post(self, request: web.Request) -> web.Response:
        self._check(request)
        if self.forbidden:
            return _refused(403, "forbidden", self.forbidden)
        self.posted.append((request.match_info["path"], await request.json()))
        return web.json_response({"accepted": "drain"}, status=202)

    def _check(self, request: web.Request) -> None:
        if self._shut:
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            body = {"error": {"code": "unauthorized", "message": "that token is not the daemon's"}}
            raise web.HTTPUnauthorized(text=json.dumps(body), content_type="application/json")


def _message(kind: str, body: Document, number: str) -> bytes:
    number = f"id: {number}\n" if number else ""
    return f"{number}event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
