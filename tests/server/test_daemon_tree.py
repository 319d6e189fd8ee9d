"""The daemon's tree at work: what dies comes back, what fails is told, SIGHUP reloads."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from agentd.journal.journal import FILE_NAME, Journal
from agentd.journal.records import Query
from agentd.settings.model import JournalSettings
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import APP, Callers, running_daemon, write_app
from tests.support.healthz import healthz, healthz_until, is_well

LONGEST_DELAY = "2"
"""Seconds between two tries of what is failing; 30 unless set."""

FAILING_APP = """\
import os, threading
from pathlib import Path
from agentd import AgentServer

def prewarm(process):
    match Path("manner").read_text():
        case "raises":
            raise ValueError("the model is gone")
        case "dies":
            threading.Timer(0.2, os._exit, (0,)).start()

server = AgentServer(setup_fnc=prewarm)

@server.rtc_session
async def entry(ctx):
    pass
"""


def version(number: int) -> str:
    """The app of the daemon's tests, with a mark of its version on what it prints."""
    return APP.read_text().replace('print(f"begin {task}")', f'print("version {number}")')


def with_other_wishes(source: str) -> str:
    """The app with other things that the daemon and LiveKit were told at the start."""
    wishes = "AgentServer(permissions=WorkerPermissions(hidden=True), job_memory_warn_mb=77, "
    source = source.replace("import AgentServer,", "import AgentServer, WorkerPermissions,")
    return source.replace("AgentServer(", wishes).replace(", on_request=on_request", "")


async def test_a_hangup_gives_new_jobs_new_code_in_production(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """One line for each reload; a call goes on with its own code, a mistake costs nothing."""
    write_app(workdir, version(1))
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        old = await callers.holding(daemon)

        write_app(workdir, version(2))
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for(action="reloaded", generation=2)
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(job=job, message="version 2")
        assert daemon.seen(action="restart_needed") == []

        write_app(workdir, "def broken(:\n")
        daemon.signal(signal.SIGHUP)
        failed = await daemon.wait_for(action="reload_failed")
        assert "def broken(:" in failed["exc_info"]
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(job=job, message="version 2")

        write_app(workdir, with_other_wishes(version(3)))
        daemon.signal(signal.SIGHUP)
        needed = await daemon.wait_for(action="restart_needed")
        await daemon.wait_for(action="reloaded", generation=3)
        assert needed["changed"] == "permissions, answers_offers, job_memory_warn_mb"
        assert "drain this one, or restart it" in needed["next"]
        await callers.say(old["room"], "end")
        await daemon.wait_for(action="job_ended", job=old["job"], ending="completed")
        assert len(daemon.seen(action="reloading")) == 3
        assert len(daemon.seen(action="reloaded") + daemon.seen(action="reload_failed")) == 3
        assert await daemon.stop() == 0


async def test_a_hangup_while_the_app_is_imported_is_no_end(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """The signal's own meaning is to end the process."""
    slow = '\nprint("importing", flush=True)\ntime.sleep(0.5)\n'
    write_app(workdir, APP.read_text() + slow)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_for(message="importing")

        daemon.signal(signal.SIGHUP)

        await daemon.wait_ready()
        await daemon.wait_for(action="reloaded")
        assert await daemon.stop() == 0


async def test_a_template_that_is_killed_costs_nothing_but_its_restart(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """The call in progress does not notice, and the next one is served."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        template = (await daemon.wait_for(action="template_ready"))["template_pid"]
        await daemon.wait_ready()
        line = await callers.holding(daemon)

        os.kill(template, signal.SIGKILL)

        died = await daemon.wait_for(action="template_died")
        await daemon.wait_for(action="template_ready", generation=2)
        job = (await callers.job(daemon, "finish"))["job"]
        await daemon.wait_for(action="job_ended", job=job, ending="completed")
        await callers.say(line["room"], "still there")
        await daemon.wait_for(job=line["job"], message="heard still there")
        assert "SIGKILL" in died["reason"]
        assert (died["supervisor"], died["offender"]) == ("daemon", "template")
        await callers.say(line["room"], "end")
        await daemon.wait_for(action="job_ended", job=line["job"], ending="completed")
        assert await daemon.stop() == 0


@pytest.mark.parametrize(
    ("manner", "told"),
    [("raises", "the model is gone"), ("dies", "exited with code 0")],
    ids=["prewarm raises", "dies when warm"],
)
async def test_children_that_fail_in_a_loop_are_a_stated_condition(
    livekit_server: LiveKitServer, workdir: Path, manner: str, told: str
) -> None:
    """Named by its path in the tree, and over by itself when they stay warm."""
    write_app(workdir, FAILING_APP)
    (workdir / "manner").write_text(manner)
    environ = {"AGENTD_RESTART_MAX_DELAY": LONGEST_DELAY, "AGENTD_NUM_IDLE_PROCESSES": "1"}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        failing = await daemon.wait_for(action="failing")
        assert (failing["offender"], told in failing["reason"]) == ("pool", True)
        status, body = await healthz(daemon)
        (problem,) = body["problems"]
        assert (status, problem["path"]) == (503, "daemon/pool")
        assert told in problem["message"]

        (workdir / "manner").write_text("works")
        await daemon.wait_for(action="recovered", offender="pool")
        await healthz_until(daemon, is_well)
        assert len(daemon.seen(action="failing")) == 1
        assert await daemon.stop() == 0


async def test_an_app_that_crashes_in_a_loop_is_a_stated_condition(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Named by its path in the tree; mended, a SIGHUP need not wait for the longest delay."""
    app = write_app(workdir, FAILING_APP)
    good = app.read_text()
    (workdir / "manner").write_text("works")
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ={"AGENTD_MAX_JOBS": "2"}
    ) as daemon:
        template = (await daemon.wait_for(action="template_ready"))["template_pid"]
        await daemon.wait_ready()
        app.write_text("raise ValueError('bad day')\n")
        os.kill(template, signal.SIGKILL)
        for failures in range(1, 5):
            await daemon.wait_for_count(failures, action="app_failed")
            daemon.signal(signal.SIGHUP)  # not to wait for the delays until it counts as failing
        failing = await daemon.wait_for(action="failing")
        status, body = await healthz(daemon)
        problem = next(each for each in body["problems"] if each["part"] == "template")
        assert (failing["offender"], failing["next_start_in"]) == ("template", 30.0)
        assert "raise ValueError('bad day')" in failing["exc_info"]
        assert (status, problem["path"]) == (503, "daemon/template")
        assert "ValueError: bad day" in problem["message"]

        app.write_text(good)
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for(action="template_ready", generation=2)
        await healthz_until(daemon, is_well)
        assert await daemon.stop() == 0


def is_ready(word: bytes) -> bool:
    """Whether that is what ends a start."""
    return word.startswith(b"READY=1\n")


async def test_the_watchdog_of_systemd_is_fed_by_the_daemon_alone(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """Through the socket that systemd names; no child is told of it."""
    write_app(workdir)
    path = str(workdir / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.setblocking(False)
        environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}
        async with running_daemon(
            workdir, "start", "app.py", server=livekit_server, environ=environ
        ) as daemon:
            await daemon.wait_ready()
            heard: list[bytes] = []
            async with asyncio.timeout(10.0):
                while heard.count(b"WATCHDOG=1") < 3 or not any(map(is_ready, heard)):
                    heard.append(await asyncio.get_running_loop().sock_recv(listening, 1000))
            told = [child.pid for child in daemon.children() if "NOTIFY_SOCKET" in child.environ()]
            assert told == []
            assert await daemon.stop() == 0


async def test_what_the_daemon_did_is_in_its_journal(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """From its being ready to its end, in the state directory."""
    write_app(workdir)
    async with running_daemon(workdir, "start", "app.py", server=livekit_server) as daemon:
        await daemon.wait_ready()
        assert await daemon.stop() == 0
    async with Journal.open(workdir / "state" / FILE_NAME, JournalSettings()) as journal:
        kinds = [event.kind for event in await journal.events(Query())]

    assert [kind for kind in kinds if kind in ("stopped", "draining")] == ["stopped", "draining"]
    assert {"http_listening", "link_registered", "ready"} <= set(kinds)
