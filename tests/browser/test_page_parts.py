"""The status page on a daemon that is only seen: what a real one can't be brought to on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import DEADLINE, GONE, REFUSED, browsing, needs_chromium
from tests.support.page_stub import OLD_STATUS, PageStub

pytestmark = [needs_chromium, pytest.mark.asyncio(loop_scope="session")]

expect.set_options(timeout=DEADLINE)

HOSTILE = '<img src=x onerror="alert(1)"><b>\u202eroom'
SHOWN = '<img src=x onerror="alert(1)"><b>\\u{202e}room'

NONE = "\u2013"
"""Shown where nothing is known."""

HELLO = {"boot": "b1", "version": "1.2.3", "replayed": 0, "missed": False}


def full_status(**changed: Any) -> dict[str, Any]:
    """A daemon with a hundred slots and everything to be seen."""
    child = {"pid": 7, "memory_mb": 40.2, "generation": 1}
    states = ["running", "idle", "starting", "stopping"]
    children = [
        {"id": f"c{slot}", "slot": slot, "state": state, "job_id": "" if slot else "AJ_1"} | child
        for slot, state in enumerate(states)
    ]
    job = {"id": "AJ_1", "room": HOSTILE, "state": "running", "age": 61.0, "resumes": 2}
    latency = {"e2e": 0.8125, "eot": 0.3, "llm": 0.4}
    circuit = {"key": "up.test/x", "state": "open", "seconds": 9.0, "times": 2, "reason": "504"}
    return {
        "version": "1.2.3",
        "pid": 1,
        "uptime": 4000.0,
        "agent_name": HOSTILE,
        "link": {"phase": "registered", "worker_id": "AW_1", "error": ""},
        "pool": {"slots": 100, "children": [], "idle": 1, "starting": 1, "busy": 1},
        "children": children,
        "jobs": [job | {"turns": 4, "latency": latency}],
        "circuits": [circuit],
        "refusals": {"slots": 2, "memory": 0},
        "problems": [{"part": "pool", "message": f"no warm child {HOSTILE}"}],
    } | changed


def event(number: int, kind: str, **more: Any) -> dict[str, Any]:
    """One line of the daemon's."""
    return {
        "id": f"b1-{number}",
        "time": 1000.0 + number,
        "kind": kind,
        "text": "",
        "fields": {},
    } | more


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[PageStub]:
    async with PageStub() as stub:
        yield stub


async def test_all_that_comes_is_shown_as_text(browser: Browser, stub: PageStub) -> None:
    """Names with markup in them, signs that turn the text round, and a state in words for each."""
    stub.answers["jobs/AJ_1"] = {
        "job": {"id": "AJ_1", "state": "running", "room": HOSTILE},
        "events": [event(1, "child_failed", text=HOSTILE, fields={"stacks": f"a\n{HOSTILE}"})],
        "post_mortems": [
            {"time": 1.0, "child": HOSTILE, "text": HOSTILE, "fields": {"x": HOSTILE}}
        ],
    }
    stub.begin_with("hello", HELLO)
    stub.begin_with("status", full_status())
    stub.begin_with("event", event(1, HOSTILE, text=HOSTILE, job="AJ_1", fields={"why": HOSTILE}))

    async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
        page = seen.page
        await expect(page.locator("#job-rows tr")).to_have_count(1)
        assert await seen.texts("#job-rows td.name bdi") == [SHOWN, SHOWN]
        assert await seen.texts("#job-rows .lat") == ["813", "300", NONE, "400", NONE]
        assert (await seen.texts(".slot .word"))[:5] == [
            "busy",
            "warm",
            "starting",
            "ending",
            "free",
        ]
        await expect(page.locator("#slots-sum")).to_have_text(
            "1 busy, 1 starting, 1 ending, 1 warm, 96 free"
        )
        await expect(page.locator("#circuits")).to_contain_text("tried again in")
        await expect(page.locator("#wrong")).to_contain_text(f"no warm child {SHOWN}")
        await expect(page.locator("header .facts")).to_contain_text("2 offers: slots")
        await expect(page.locator("header .facts")).not_to_contain_text("memory")
        await expect(page.locator("#events li .kind")).to_have_text(SHOWN)
        await page.locator("#job-rows a").click()
        await expect(page.locator("#job-body")).to_contain_text(SHOWN)
        assert await page.locator("main img, main b:not(.level), dialog img").count() == 0
        assert await seen.unfit_in_both() == []


async def test_a_lost_connection_is_said_and_what_is_shown_is_called_old(
    browser: Browser, stub: PageStub
) -> None:
    """It comes back by itself and asks for what it has missed."""
    stub.begin_with("hello", HELLO)
    stub.begin_with("status", full_status())
    async with browsing(browser, stub.url, expected=[REFUSED, GONE]) as seen:
        page = seen.page
        await expect(page.locator("#pills")).to_contain_text("registered")
        stub.send("event", event(7, "job_assigned"), "b1-7")
        await expect(page.locator("#events li")).to_have_count(1)

        stub.shut()
        await expect(page.locator("#connection")).to_contain_text("Connection lost since")
        await expect(page.locator("body")).to_have_class("stale")
        assert await seen.unfit_in_both() == []
        await page.locator("#retry").click()
        stub.open()

        await expect(page.locator("#connection")).to_be_hidden()
        await expect(page.locator("body")).to_have_class("live")
        await expect(page.locator("#events")).to_contain_text("connected again after")
        assert stub.ids[0] == ""
        assert stub.ids[-1] == "b1-7"


async def test_an_older_daemon_s_page_has_less_and_is_no_fault(
    browser: Browser, stub: PageStub
) -> None:
    """No tree, no children, no latencies, no post-mortems over the API: told from the stream."""
    stub.begin_with("hello", {"boot": "b1"})
    stub.begin_with("status", OLD_STATUS | {"jobs": [{"id": "AJ_1", "state": "running", "age": 1}]})
    async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
        await expect(seen.page.locator("#slots li")).to_have_count(2)
        await expect(seen.page.locator("#job-rows .lat").first).to_have_text(NONE)
        stub.send("event", event(1, "post_mortem", text="exited with code 7", child="c1"))
        await expect(seen.page.locator("#deaths li")).to_contain_text("exited with code 7")


async def test_events_are_filtered_held_and_called_by_level(
    browser: Browser, stub: PageStub
) -> None:
    """By words, all of which must be somewhere in the line."""
    stub.begin_with("hello", HELLO | {"missed": True})
    stub.begin_with("status", full_status())
    stub.answers["events"] = {"events": [event(1, "reloaded"), event(0, "ready")]}
    async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
        page = seen.page
        lines = page.locator("#events li")
        await expect(lines).to_have_count(3)
        await expect(lines.first).to_contain_text("some events before this were missed")
        stub.send("event", event(2, "job_resuming", job="AJ_1", fields={"level": "WARNING"}))
        await expect(lines).to_have_count(4)

        await page.locator("#filter").fill("aj_1 resuming")
        await expect(lines).to_have_count(1)
        await expect(lines.locator(".level")).to_have_text("warning")
        await page.locator("#filter").fill("")
        await page.locator("#only-bad").check()
        await expect(lines).to_have_count(1)
        await page.locator("#only-bad").uncheck()
        await page.locator("#hold").click()
        stub.send("event", event(3, "job_ended"))
        await expect(page.locator("#events-sum")).to_have_text("5 events (held)")
        await expect(lines).to_have_count(4)
        await page.locator("#hold").click()
        await expect(lines).to_have_count(5)


async def tabbed(page: Page) -> list[str]:
    """What the Tab key comes by, in order; each with an outline to be seen."""
    stops: list[str] = []
    while True:
        await page.keyboard.press("Tab")
        name, outlined = await page.evaluate(
            "() => { const one = document.activeElement; const style = getComputedStyle(one);"
            " return [one === document.body ? '' : one.id || one.textContent.trim(),"
            " style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; }"
        )
        if not name or name in stops:
            return stops
        assert outlined, f"the focus can't be seen on {name}"
        stops.append(name)


async def press_yes(page: Page) -> None:
    """In a dialog that has just been opened: past its way out."""
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")


async def test_everything_is_done_by_keyboard(browser: Browser, stub: PageStub) -> None:
    """In the order in which it is read; a dialog keeps the focus, and gives it back."""
    stub.begin_with("hello", HELLO)
    stub.begin_with("status", full_status(problems=[]))
    async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
        page = seen.page
        await expect(page.locator("#job-rows tr")).to_have_count(1)
        stops = await tabbed(page)
        assert stops[:4] == ["Skip to the jobs", "reload", "drain", "token"]
        assert {"Resume…", "Stop…", "filter", "only-bad", "hold"} <= set(stops)

        await page.locator("#drain").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask-no")).to_be_focused()
        assert await tabbed(page) == ["ask-yes"]
        await page.keyboard.press("Tab")
        await expect(page.locator("#ask-reason")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#drain")).to_be_focused()
        assert stub.posted == []

        stub.forbidden = "set http_token to steer over HTTP"
        await page.keyboard.press("Enter")
        await press_yes(page)
        await expect(page.locator("#ask-error")).to_have_text(stub.forbidden)
        await page.keyboard.press("Escape")
        stub.forbidden = ""
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask-error")).to_be_hidden()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.type("new release")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask")).to_be_hidden()
        assert stub.posted == [("drain", {"reason": "new release"})]


async def test_a_wrong_token_is_asked_for_again_and_kept_in_the_tab_only(browser: Browser) -> None:
    """The right one is sent with everything, and never part of an address."""
    async with PageStub({"tree": {}}, token="letmein") as stub:
        stub.begin_with("hello", HELLO)
        stub.begin_with("status", full_status())
        async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
            page = seen.page
            await expect(page.locator("#token-ask")).to_be_visible()
            assert await seen.unfit_in_both() == []
            await page.keyboard.type("wrong")
            await page.keyboard.press("Enter")
            await expect(page.locator("#token-error")).to_contain_text("not the daemon's")
            await page.keyboard.type("letmein")
            await page.keyboard.press("Enter")

            await expect(page.locator("#pills")).to_contain_text("registered")
            await expect(page.locator("#connection")).to_be_hidden()
            kept = await page.evaluate(
                "() => [{...sessionStorage}, {...localStorage}, document.cookie]"
            )
            assert kept == [{"agentd-token": "letmein"}, {}, ""]


async def test_nothing_is_cut_off_sideways(browser: Browser, stub: PageStub) -> None:
    """On a telephone jobs are cards; a wide screen is used."""
    stub.begin_with("hello", HELLO)
    stub.begin_with("status", full_status())
    async with browsing(browser, stub.url, expected=[REFUSED]) as seen:
        await expect(seen.page.locator("#job-rows tr")).to_have_count(1)
        wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for width in (390, 2000):
            await seen.page.set_viewport_size({"width": width, "height": 900})
            assert await seen.page.evaluate(wide) == 0
            assert await seen.unfit() == []
