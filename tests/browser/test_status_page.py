"""The status page of a real daemon: a call comes, its process is killed, it goes on, all drain."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from agentd.testing.livekit_server import LiveKitServer
from tests.support.browser import DEADLINE, GONE, REFUSED, Seen, browsing, needs_chromium
from tests.support.daemon import Daemon, callers_of, running_daemon, write_app

pytestmark = [
    needs_chromium,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(120),
]

expect.set_options(timeout=DEADLINE)

TOKEN = "a-token-of-the-tests"
EXPECTED = [f"{REFUSED} 401", f"{REFUSED} 503", GONE]
"""In the browser's own console: the first look has no token, and in the end nobody answers any
more, or only that the daemon ends."""

HOSTILE = '<img src=x onerror="alert(1)">'


async def page_url(daemon: Daemon) -> str:
    """Where its page is."""
    line = await daemon.wait_for(action="http_listening")
    return str(line["url"]).removesuffix("healthz")


async def press(page: Page, *keys: str) -> None:
    """One key after the other."""
    for key in keys:
        await page.keyboard.press(key)


async def give_token(page: Page) -> None:
    """The page asks for it by itself."""
    await expect(page.locator("#token-value")).to_be_focused()
    await page.keyboard.type(TOKEN)
    await press(page, "Enter")
    await expect(page.locator("#pills li")).to_have_text(["healthy", "ready", "registered"])


async def see_death_and_resume(seen: Seen, pid: int) -> None:
    """The call's process is killed: the call goes on, and why it died is to be read."""
    page, row = seen.page, seen.page.locator("#job-rows tr")
    os.kill(pid, signal.SIGKILL)
    await expect(row.locator("td").nth(10)).to_have_text("1")
    await expect(page.locator("#deaths li").first).to_contain_text("SIGKILL")
    await expect(row.locator(".state")).to_have_text("running")
    await row.locator("a").focus()
    await press(page, "Enter")
    await expect(page.locator("#job-body")).to_contain_text("1 post-mortem")
    assert await seen.unfit_in_both() == []
    await press(page, "Escape")
    await expect(page.locator("#job")).to_be_hidden()
    assert await seen.unfit_in_both() == []


async def drain(page: Page, reason: str) -> None:
    """By the button, with the reason, and said yes to."""
    await page.locator("#drain").focus()
    await press(page, "Enter")
    await expect(page.locator("#ask-text")).to_contain_text("takes no new call")
    await press(page, "Shift+Tab")
    await page.keyboard.type(reason)
    await press(page, "Enter")
    await expect(page.locator("#ask")).to_be_hidden()


async def test_a_call_is_seen_from_its_beginning_to_the_drain(
    browser: Browser, livekit_server: LiveKitServer, workdir: Path
) -> None:
    """By keyboard alone; no name becomes markup, and the browser complains of nothing."""
    write_app(workdir)
    environ = {"AGENTD_HTTP_TOKEN": TOKEN, "AGENTD_MAX_JOBS": "6"}
    async with (
        callers_of(livekit_server) as callers,
        running_daemon(
            workdir, "start", "app.py", server=livekit_server, environ=environ
        ) as daemon,
        browsing(browser, await page_url(daemon), expected=EXPECTED) as seen,
    ):
        await daemon.wait_ready()
        page, row = seen.page, seen.page.locator("#job-rows tr")
        await give_token(page)
        await expect(page.locator(".slot")).to_have_count(6)
        await expect(page.locator(".slot.warm").first).to_be_visible()
        await expect(page.locator("#tree")).to_contain_text("loop-watch")

        dispatch = await callers.dispatch(daemon, "hold", room=f"{HOSTILE}{workdir.name}")
        job = (await daemon.wait_for(action="job_assigned", room=dispatch.room))["job"]
        holding = await daemon.wait_for(job=job, message="holding")
        await expect(row.locator("td.name").first).to_have_text(dispatch.room)
        await expect(row.locator(".state")).to_have_text("running")
        await expect(page.locator(".slot.busy")).to_have_count(1)
        await see_death_and_resume(seen, holding["pid"])
        assert await page.locator("img").count() == 0

        await drain(page, "new release")
        await expect(page.locator("#pills")).to_contain_text("draining: 1 job left")
        await daemon.wait_for(action="draining", reason="new release")
        await page.locator("#undrain").focus()
        await press(page, "Enter", "Tab", "Enter")
        await expect(page.locator("#pills li")).to_have_text(["healthy", "ready", "registered"])
        await row.get_by_role("button", name="Stop").focus()
        await press(page, "Enter", "Tab", "Enter")
        await expect(page.locator("#no-jobs")).to_be_visible()
        await drain(page, "the night")
        assert await daemon.wait_exit() == 0
        await expect(page.locator("#connection")).to_contain_text("Connection lost since")
