"""A package index on loopback with one wheel, that cuts downloads off when told to."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from agentd.models.files import ModelFile

PACKAGE, VERSION = "toy-model", "1.2.0"
PATH = "toy_model/data/weights.bin"
CONTENT = bytes(range(256)) * 4096


def toy_file(*, content: bytes = CONTENT, path: str = PATH) -> ModelFile:
    """The file that the wheel has."""
    return ModelFile(
        name="weights.bin",
        package=PACKAGE,
        version=VERSION,
        path_in_wheel=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        licence="MIT",
    )


def toy_wheel(*, content: bytes = CONTENT, path: str = PATH) -> bytes:
    """A wheel as far as it takes: a zip with the file in it, stored and not compressed."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as wheel:
        wheel.writestr(path, content)
    return memory.getvalue()


class PackageIndex:
    """Lists the wheel, and gives it out, in ranges too."""

    def __init__(self) -> None:
        self.url = ""
        self.wheel = toy_wheel()
        self.digest = hashlib.sha256(self.wheel).hexdigest()
        self.filename = f"toy_model-{VERSION}-py3-none-any.whl"
        self.cuts = 0
        """So many downloads end after half of what was asked for."""
        self.ranges: list[str] = []
        """What each download asked for; empty for all of it."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"/simple/{PACKAGE}/", self._list)
        app.router.add_get("/files/{name}", self._give)
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        entry = {
            "filename": self.filename,
            "url": f"/files/{self.filename}",
            "hashes": {"sha256": self.digest},
            "size": len(self.wheel),
        }
        return web.json_response({"name": PACKAGE, "files": [entry]})

    async def _give(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range", "")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        body = self.wheel[start:]
        answer = web.StreamResponse(status=206 if asked else 200)
        answer.content_length = len(body)
        await answer.prepare(request)
        if self.cuts:
            self.cuts -= 1
            await answer.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.abort()
            return answer
        await answer.write(body)
        return answer


@asynccontextmanager
async def package_index() -> AsyncIterator[PackageIndex]:
    """One that runs for the length of a block."""
    index = PackageIndex()
    runner = web.AppRunner(index.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    index.url = f"http://{host}:{port}/simple"
    try:
        yield index
    finally:
        await runner.cleanup()
