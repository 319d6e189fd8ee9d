"""The status page's files: all there, nothing from elsewhere, and told to be so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from agentd.management.pagefiles import HEADERS, add_page, page_files

FILES = page_files()
SOURCES = {name: file.body.decode() for name, file in FILES.items()}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The page, served."""
    app = web.Application()
    add_page(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_the_page_and_its_parts_are_served_with_their_policy(url: str) -> None:
    """Whatever the page names is there, of its type."""
    named = {"/", *re.findall(r'(?:src|href)="(/[^"]+)"', SOURCES["index.html"])}
    named |= {f"/page/{name}" for name in FILES if name.endswith(".js")}
    async with aiohttp.ClientSession(url) as session:
        for path in named:
            async with session.get(path) as answer:
                assert answer.status == 200, path
                assert HEADERS.items() <= dict(answer.headers).items()
                assert answer.headers["Content-Type"].endswith("charset=utf-8")


async def test_what_did_not_change_is_not_sent_again(url: str) -> None:
    """Another version of agentd is seen at the next look."""
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/page/main.js") as first:
            tag = first.headers["ETag"]
        async with session.get("/page/main.js", headers={"If-None-Match": tag}) as again:
            assert (again.status, await again.read()) == (304, b"")
        async with session.get("/page/main.js", headers={"If-None-Match": '"other"'}) as other:
            assert other.status == 200


@pytest.mark.parametrize("path", ["/page/", "/page/none.js", "/page/..%2fserver.py", "/page/x/y"])
async def test_nothing_else_is_to_be_had(url: str, path: str) -> None:
    """Names are looked up, not opened."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}{path}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith(".js")])
def test_a_module_never_makes_markup_of_text(name: str) -> None:
    """The policy has the browser refuse it, too; and modules that are imported are there."""
    source = SOURCES[name]
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("):
        assert way not in source
    assert set(re.findall(r'from "\./([^"]+)"', source)) <= FILES.keys()


@pytest.mark.parametrize("name", list(SOURCES))
def test_nothing_comes_from_elsewhere(name: str) -> None:
    """No address but that of SVG's own names; no style or script within the markup."""
    source = SOURCES[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|url\(|@import", source)
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*src=)", source)
