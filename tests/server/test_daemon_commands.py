"""status, jobs, reload and drain, typed at one real daemon with real jobs."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agentd.cli.exits import AskExit
from agentd.daemon.exits import ExitCode
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd, typed
from tests.support.daemon import DEADLINE, Callers, Daemon, callers_of, running_daemon, write_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

TREE = {"loop-watch", "template", "journal", "control", "http", "pool", "desk", "link"}
"""Some children of the daemon's tree."""

HANGS_AT_ITS_END = """\
import asyncio
from agentd import AgentServer

server = AgentServer()

@server.rtc_session
async def entry(ctx):
    ctx.add_shutdown_callback(hang)
    ctx.add_shutdown_callback(goodbye)
    await ctx.connect()
    print("holding")

async def hang(reason):
    await asyncio.sleep(3600)

async def goodbye(reason):
    print(f"goodbye: {reason}")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    async with callers_of(livekit_server) as them:
        yield them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(
    livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Daemon]:
    """One for all the tests; the last of them drains it."""
    root = tmp_path_factory.mktemp("asked")
    write_app(root)
    async with running_daemon(
        root, "start", "app.py", "--max-jobs", "4", server=livekit_server
    ) as running:
        await running.wait_ready()
        yield running


async def next_line(process: Process) -> str:
    """The next that a command says."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        return (await process.stdout.readline()).decode().strip()


async def end(daemon: Daemon, callers: Callers, room: str) -> None:
    """Have the job in a room end by its caller's word."""
    await callers.say(room, "end")
    await daemon.wait_for(action="job_ended", room=room, ending="completed")


async def test_status_shows_the_daemon_its_tree_and_its_jobs(
    daemon: Daemon, callers: Callers
) -> None:
    """In words and as JSON; every child of the tree is named; all is well: 0."""
    job = await callers.holding(daemon)

    words, document, tree, tree_document, jobs = await asyncio.gather(
        agentd(daemon, "status"),
        agentd(daemon, "status", "--json"),
        agentd(daemon, "status", "--tree"),
        agentd(daemon, "status", "--tree", "--json"),
        agentd(daemon, "jobs"),
    )

    assert [ran.code for ran in (words, document, tree, tree_document, jobs)] == [0] * 5
    for told in (
        f"serving, agentd {document.document['version']}, pid {daemon.pid}",
        f"agent '{daemon.agent_name}'",
        "1 of 4 busy",
        "registered as AW_",
        f"{job['job']}  running",
        f"room {job['room']}",
    ):
        assert told in words.out
    status = document.document
    assert (status["pid"], status["problems"], status["troubles"]) == (daemon.pid, [], [])
    assert [(one["id"], one["state"]) for one in status["jobs"]] == [(job["job"], "running")]
    assert (status["journal"]["kept"], status["drain"]["draining"]) == ("disk", False)
    assert set(status["refusals"].values()) == {0}
    children = tree_document.document["children"]
    assert {child["id"] for child in children} >= TREE
    assert {child["state"] for child in children} == {"running"}
    drawn = tree.out.splitlines()
    assert drawn[0].startswith("daemon  running")
    assert [line.split()[1] for line in drawn[1:]] == [child["id"] for child in children]
    assert job["job"] in jobs.out
    await end(daemon, callers, job["room"])


async def test_a_job_is_stopped_in_order_and_for_a_reason(daemon: Daemon, callers: Callers) -> None:
    """It hears the reason; what does not run is refused with a code of its own."""
    job = await callers.holding(daemon)

    stopped = await agentd(daemon, "jobs", "stop", job["job"], "--reason", "wrong number")

    await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
    again, unknown = await asyncio.gather(
        agentd(daemon, "jobs", "stop", job["job"]), agentd(daemon, "jobs", "show", "AJ_nobody")
    )
    assert stopped.code == ExitCode.OK
    assert "goodbye: wrong number" in daemon.printed(job["job"])
    assert (again.code, unknown.code) == (AskExit.REFUSED, AskExit.REFUSED)
    assert f"no job '{job['job']}' runs here" in again.err
    assert "knows no job 'AJ_nobody'" in unknown.err


async def test_a_reload_is_asked_for_and_told_by_the_daemon(daemon: Daemon) -> None:
    """The command's word is that it began; how it went is in the log."""
    ran = await agentd(daemon, "reload")

    assert (ran.code, f"pid {daemon.pid}" in ran.out) == (ExitCode.OK, True)
    reloading = await daemon.wait_for(action="reloading")
    await daemon.wait_for(action="reloaded")
    assert reloading["reason"] == "asked for over the control socket"


async def test_a_drain_is_watched_to_the_end_of_the_daemon(
    daemon: Daemon, callers: Callers
) -> None:
    """Jobs go on, one whose child is killed meanwhile too; then nobody is there to ask.

    The last test of this daemon.
    """
    first, second = await callers.holding(daemon), await callers.holding(daemon)
    async with typed(daemon, "drain", "--reason", "release 7") as drain:
        told = [await next_line(drain)]
        late = await callers.dispatch(daemon, "hold")

        pid = daemon.seen(job=first["job"], message="holding")[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        resumed = await daemon.wait_for(action="job_resumed", job=first["job"])
        await daemon.wait_for_count(2, job=first["job"], message="holding")
        status = await agentd(daemon, "status", "--json")
        await end(daemon, callers, first["room"])
        told.append(await next_line(drain))
        await end(daemon, callers, second["room"])
        async with asyncio.timeout(DEADLINE):
            rest, errors = await drain.communicate()

    assert await daemon.wait_exit() == ExitCode.OK
    assert [line.split(",")[0] for line in told] == ["2 jobs left", "1 job left"]
    assert all(line.endswith("(release 7)") for line in told)
    assert rest.decode() == "0 jobs left (release 7)\ndrained; the daemon has ended\n"
    assert (drain.returncode, errors) == (ExitCode.OK, b"")
    assert resumed["resumes"] == 1
    assert (status.code, status.document["drain"]["jobs_left"]) == (ExitCode.OK, 2)
    assert daemon.seen(action="job_assigned", room=late.room) == []
    gone = await agentd(daemon, "status")
    assert (gone.code, gone.out) == (AskExit.NOT_RUNNING, "")
    assert f"no daemon runs in '{daemon.root / 'run'}'" in gone.err


async def test_what_outlasts_the_drain_timeout_is_ended_within_its_budgets(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """A callback that hangs costs its own budget and no other's run; both codes tell of it."""
    write_app(workdir, HANGS_AT_ITS_END)
    environ = {"AGENTD_DRAIN_TIMEOUT": "0.5", "AGENTD_CALLBACK_TIMEOUT": "0.5"}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_ready()
        job = await callers.holding(daemon)

        ran = await agentd(daemon, "drain")

        assert await daemon.wait_exit() == ExitCode.DRAIN_TIMEOUT
        assert ran.code == ExitCode.DRAIN_TIMEOUT
        assert "being ended: the drain timeout is over" in ran.out
        assert "jobs outlasted the drain timeout and were ended" in ran.out
        assert "goodbye: the daemon is stopping" in daemon.printed(job["job"])
        ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert ended["reason"] == "the daemon is stopping"
