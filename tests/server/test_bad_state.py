"""Damaged journals, failing disks and snapshots that are none: calls go on, errors name them."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil

from agentd.journal.journal import FILE_NAME
from agentd.protocol.job import MAX_SNAPSHOT_BYTES
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import Callers, Daemon, Line, running_daemon, write_app

STATE_APP = Path(__file__).parents[1] / "support" / "state_app.py"
ONE_CHILD = {"AGENTD_NUM_IDLE_PROCESSES": "1"}


async def test_a_damaged_journal_and_a_disk_that_fails_cost_no_job(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Moved aside at the start; in memory while nothing can be written, and then on disk again."""
    write_app(workdir)
    path = workdir / "state" / FILE_NAME
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1000)
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=ONE_CHILD
    ) as daemon:
        moved = await daemon.wait_for(action="journal_moved_aside")
        await daemon.wait_ready()
        assert moved["level"] == "ERROR"
        assert Path(moved["moved_to"]).read_bytes() == b"no database at all" * 1000
        before = await callers.holding(daemon)

        _, hard = psutil.Process(daemon.pid).rlimit(psutil.RLIMIT_FSIZE)
        allow_bytes(daemon, 1, hard)
        during = await callers.holding(daemon)
        degraded = await daemon.wait_for(action="journal_degraded")
        status = (await agentd(daemon, "status", "--json")).document
        allow_bytes(daemon, hard, hard)
        recovered = await daemon.wait_for(action="journal_recovered")
        for job in (before, during):
            await callers.say(job["room"], "end")
            await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        assert await daemon.stop() == 0

        assert degraded["level"] == "ERROR"
        assert status["journal"]["kept"] == "memory"
        assert str(path) in status["journal"]["problem"]
        assert recovered["was"] == degraded["reason"]
        left = (await agentd(daemon, "jobs", "--json")).document["jobs"]
        assert {job["id"]: job["ending"] for job in left} == {
            before["job"]: "completed",
            during["job"]: "completed",
        }


def allow_bytes(daemon: Daemon, soft: int, hard: int) -> None:
    """How large a file the daemon may write: nothing else says 'no' to root."""
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def test_snapshots_that_can_not_be_are_named_and_the_job_goes_on(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Too large, or of a type that can't be encoded: what was kept before is there again."""
    async with running_daemon(
        workdir, "start", str(STATE_APP), server=livekit_server, environ=ONE_CHILD
    ) as daemon:
        await daemon.wait_ready()
        job = await callers.holding(daemon)
        await order(daemon, callers, job, "note kept")
        await order(daemon, callers, job, "big")
        too_large = await daemon.wait_for(action="snapshot_too_large", job=job["job"])
        await order(daemon, callers, job, "drop big")
        await order(daemon, callers, job, "odd")
        impossible = await daemon.wait_for(action="snapshot_impossible", job=job["job"])

        os.kill(impossible["pid"], signal.SIGKILL)
        await daemon.wait_for(job=job["job"], message="resumed True, note kept, keys ['note']")

        await daemon.wait_for_count(2, job=job["job"], message="holding")
        await order(daemon, callers, job, "end")
        await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        assert await daemon.stop() == 0
    assert too_large["level"] == impossible["level"] == "ERROR"
    assert too_large["size"] > too_large["limit"] == MAX_SNAPSHOT_BYTES
    assert (impossible["key"], impossible["type"]) == ("'odd'", "object")


async def test_a_snapshot_of_an_unknown_version_is_named_and_the_job_goes_on(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """Written into the journal of a dead daemon, as another version of agentd might have."""
    async with running_daemon(
        workdir, "start", str(STATE_APP), server=livekit_server, environ=ONE_CHILD
    ) as dead:
        await dead.wait_ready()
        job = await callers.holding(dead)
        await callers.join(job["room"])  # nobody is resumed for an empty room
        await order(dead, callers, job, "note lost")
        pid = dead.seen(job=job["job"], message="holding")[0]["pid"]
        # Once the answer has it, so has the file.
        assert (await agentd(dead, "jobs", "show", job["job"])).code == 0
        await dead.crash()
        os.kill(pid, signal.SIGKILL)
        with closing(sqlite3.connect(workdir / "state" / FILE_NAME)) as database, database:
            changed = database.execute("UPDATE snapshots SET version = 99").rowcount

        async with running_daemon(
            workdir,
            *("start", str(STATE_APP)),
            server=livekit_server,
            environ=ONE_CHILD,
            agent_name=dead.agent_name,
        ) as daemon:
            unreadable = await daemon.wait_for(action="snapshot_unreadable", job=job["job"])
            await daemon.wait_for(job=job["job"], message="resumed True, note None, keys []")
            await daemon.wait_for(job=job["job"], message="holding")
            await order(daemon, callers, job, "end")
            await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
            assert await daemon.stop() == 0
    assert changed == 1
    assert unreadable["level"] == "ERROR"
    assert unreadable["reason"] == "its version is 99, known is 1"


async def order(daemon: Daemon, callers: Callers, job: Line, text: str) -> None:
    """Have a job do something, and wait until it has."""
    await callers.say(job["room"], text)
    await daemon.wait_for(job=job["job"], message=f"done {text}")
