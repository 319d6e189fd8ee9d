"""Prewarm in real children: it fails in every way there is, and is tried until it does not."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from agentd.logs.record import EXCEPTION
from agentd.protocol.app import AppRef
from tests.support.changes import Changes
from tests.support.subreaper import subreaper
from tests.support.supervised import Plan, Supervised, supervised, with_spec

APP = """\
import os, signal, sys
from pathlib import Path
from agentd import AgentServer

def prewarm(process):
    match Path(__file__).with_name("manner").read_text():
        case "raises":
            raise ValueError("no model")
        case "sys.exit":
            sys.exit(3)
        case "os._exit":
            os._exit(3)
        case "aborts":
            os.abort()
        case "hangs":
            signal.pause()

server = AgentServer(setup_fnc=prewarm)

@server.rtc_session()
async def entry(ctx):
    ctx.shutdown("done")
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def orphans_come_to_us() -> None:
    """They do for the whole module here."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the app is, and the file that says how its prewarm goes."""
    with tempfile.TemporaryDirectory(prefix="ad-", dir="/tmp") as directory:
        path = Path(directory)
        (path / "app.py").write_text(APP)
        (path / "manner").write_text("works")
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(folder: Path) -> AsyncIterator[Supervised]:
    """One supervisor and one template for all tests here."""
    plan = Plan(directory=folder, app=AppRef(target=str(folder / "app.py")))
    with subreaper(), Changes() as changes:
        async with supervised(with_spec(plan, initialize_timeout=2.0), changes) as parts:
            yield parts


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("raises", "prewarm raised ValueError: no model"),
        ("sys.exit", "prewarm raised SystemExit: 3"),
        ("os._exit", "exited with code 3 before it was ready"),
        ("aborts", "was ended by SIGABRT"),
        ("hangs", "was not ready within 2 s"),
    ],
)
async def test_a_prewarm_that_fails_is_told_and_tried_until_it_does_not(
    parts: Supervised, folder: Path, manner: str, reason: str
) -> None:
    """Health shows the failures meanwhile; children come once it works."""
    (child,) = await parts.idle()
    before = parts.pool.view().failures
    (folder / "manner").write_text(manner)
    child.shutdown("the test wants a new one")

    await parts.changes.until(lambda: parts.pool.view().failures >= before + 2)

    view = parts.pool.view()
    (folder / "manner").write_text("works")
    await parts.idle()
    assert reason in view.last_error
    assert view.idle == 0


async def test_a_prewarm_that_raises_is_shown_with_its_own_line(
    parts: Supervised, folder: Path
) -> None:
    """And no frame of ours."""
    (child,) = await parts.idle()
    parts.changes.records.clear()
    (folder / "manner").write_text("raises")
    child.shutdown("the test wants a new one")

    (record, *_) = await parts.changes.until(lambda: parts.changes.actions("prewarm_failed"))

    (folder / "manner").write_text("works")
    await parts.idle()
    shown = record.__dict__[EXCEPTION]
    assert 'raise ValueError("no model")' in shown
    assert "/agentd/" not in shown
