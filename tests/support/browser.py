"""Debian's Chromium looking at a page of ours; what it complains about fails the test.

async with browsing(browser, url) as seen:
    await expect(seen.page.locator("h1")).to_be_visible()
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium: packaging/chromium.sh installs it, as root"
)

DEADLINE = 20_000.0
"""Milliseconds that something may take to be seen."""

REFUSED = "Failed to load resource: the server responded with a status of"
"""How the browser's own log begins that an answer was 4xx; the page shows these itself."""

GONE = "Failed to load resource: net::"
"""The same where nobody answered."""

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`violates ${event.violatedDirective}: ${event.blockedURI}`));
"""


class Seen:
    """A page and what was wrong with it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.faults: list[str] = []
        """Errors in the console, exceptions, violations of the policy, requests to elsewhere."""
        self.expected: tuple[str, ...] = ()
        """Beginnings of complaints of the browser that the test brings about."""
        self._origin = urlsplit(url)[:2]
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("request", self._note_request)

    async def unfit(self) -> list[str]:
        """What axe-core finds against the WCAG (AA) and its own best practices, now."""
        results = await Axe().run(self.page)
        return [_violation(each) for each in results.response["violations"]]

    async def unfit_in_both(self) -> list[str]:
        """The same, in light and in dark."""
        found = []
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme)
            found += [f"{scheme}: {each}" for each in await self.unfit()]
        return found

    async def texts(self, selector: str) -> list[str]:
        """What all elements say that the selector finds."""
        return await self.page.locator(selector).all_inner_texts()

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(self.expected):
            self.faults.append(f"{message.type}: {message.text}")

    def _note_request(self, request: Request) -> None:
        if urlsplit(request.url)[:2] != self._origin:
            self.faults.append(f"a request to {request.url}")


def _violation(found: dict[str, Any]) -> str:
    places = ", ".join(str(node["target"]) for node in found["nodes"][:3])
    return f"{found['id']}: {found['help']} ({places})"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    # Its sandbox is of no use to root, who has all rights already, and does not start.
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browsing(
    browser: Browser,
    url: str,
    *,
    expected: Iterable[str] = (),
    width: int = 1280,
    height: int = 900,
) -> AsyncIterator[Seen]:
    """A profile of its own on this page; at the end nothing must have been complained about."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(DEADLINE)
        seen = Seen(page, url)
        seen.expected = tuple(expected)
        await page.add_init_script(REPORT_VIOLATIONS)
        await page.goto(url)
        yield seen
    finally:
        await context.close()
    assert seen.faults == []
