"""Kills and full disks, with the journal in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentd.journal.journal import FILE_NAME
from agentd.journal.records import Query
from agentd.journal.sqlite import SqliteStore
from agentd.protocol.ids import JobId

ROOT = Path(__file__).parents[2]

NAMESPACES = (
    shutil.which("unshare") is not None
    and not subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode
)
"""Whether a disk of our own can be mounted for one process."""


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in the middle of writing; each line it prints is a flush that succeeded."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.journal_crash",
        str(tmp_path / FILE_NAME),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.mark.parametrize("flushes", [1, 7, 30])
async def test_what_was_flushed_outlives_kill_9(
    writing: asyncio.subprocess.Process, tmp_path: Path, flushes: int
) -> None:
    """Killed in the middle of writing, the file is whole and has all that it promised."""
    assert writing.stdout is not None
    async with asyncio.timeout(20.0):
        lines = [await writing.stdout.readline() for _ in range(flushes)]
        os.kill(writing.pid, signal.SIGKILL)
        lines += (await writing.stdout.read()).splitlines()
        await writing.wait()

    last = int(lines[-1])
    with closing(SqliteStore(tmp_path / FILE_NAME)) as store:
        jobs = [job.id for job in store.unfinished_jobs()]
        kept = store.snapshot(JobId(f"AJ_{last}"))
        events = store.events(Query(limit=1_000_000))
    assert jobs[:last] == [f"AJ_{number}" for number in range(1, last + 1)]
    assert kept is not None
    assert kept.version == last
    assert len(events) >= 100 * last
    assert list(tmp_path.glob("*.corrupt-*")) == []


async def run_on_a_small_disk(what: str, disk: Path) -> dict[str, Any]:
    """Run tests/support/journal_full_disk.py where it can mount a disk; its result."""
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rm", sys.executable, "-m", "tests.support.journal_full_disk"),
        what,
        str(disk),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(25.0):
        output, _ = await process.communicate()
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(output)
    return result


@pytest.mark.skipif(not NAMESPACES, reason="no private mounts here (unshare -rm)")
@pytest.mark.parametrize(("what", "events"), [("full", 300), ("read_only", 1)])
async def test_a_disk_that_fails_costs_nothing_that_memory_can_hold(
    tmp_path: Path, what: str, events: int
) -> None:
    """In memory meanwhile, on disk again by itself; each change of that is told once."""
    result = await run_on_a_small_disk(what, tmp_path)

    assert result == {
        "before": True,
        "during": False,
        "known": ["AJ_1"],
        "after": True,
        "jobs": ["AJ_1"],
        "snapshot": 7000,
        "events": events,
        "actions": ["journal_degraded", "journal_recovered"],
    }
