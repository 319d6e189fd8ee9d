"""The status page: files of the package, served as they are; all that it shows it asks for."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from aiohttp import web
from msgspec import Struct

INDEX = "index.html"

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What the page is made of; other files are not served."""

HEADERS = {
    # Nothing from elsewhere, nothing written into the page as markup, in nobody's frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Another version of agentd may serve the next answer: ask each time, by the ETag.
    "Cache-Control": "no-cache",
}


class PageFile(Struct, frozen=True):
    """One file."""

    body: bytes
    type: str
    etag: str


def page_files() -> dict[str, PageFile]:
    """All files of the page by name, read anew."""
    found = {}
    for path in files(__package__).joinpath("page").iterdir():
        kind = TYPES.get(f".{path.name.rpartition('.')[2]}")
        if kind is not None:
            body = path.read_bytes()
            found[path.name] = PageFile(body, kind, sha256(body).hexdigest()[:16])
    return found


def add_page(app: web.Application) -> None:
    """Serve the page at `/` and its parts below `/page/`; they are read now, and kept."""
    known = page_files()

    async def index(request: web.Request) -> web.Response:
        return _answer(request, known[INDEX])

    async def part(request: web.Request) -> web.Response:
        wanted = known.get(request.match_info["name"])
        if wanted is None:
            raise web.HTTPNotFound
        return _answer(request, wanted)

    app.router.add_get("/", index)
    app.router.add_get("/page/{name}", part)


def _answer(request: web.Request, wanted: PageFile) -> web.Response:
    tags = request.if_none_match or ()
    if any(tag.value == wanted.etag for tag in tags):
        answer = web.Response(status=304, headers=HEADERS)
    else:
        answer = web.Response(
            body=wanted.body, content_type=wanted.type, charset="utf-8", headers=HEADERS
        )
    answer.etag = wanted.etag
    return answer
