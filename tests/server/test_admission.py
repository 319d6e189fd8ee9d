"""Offers that a daemon declines before its slots are taken: why, how often, and until when."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.cli.exits import AskExit
from agentd.supervisor.guards import read_readings
from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import DEADLINE, Callers, running_daemon, write_app
from tests.support.healthz import healthz, healthz_until, is_well

NEVER_WARM = """\
from agentd import AgentServer

def prewarm(process):
    raise ValueError("the model is gone")

server = AgentServer(setup_fnc=prewarm)

@server.rtc_session
async def entry(ctx):
    ctx.shutdown("finished")
"""
WARM = NEVER_WARM.replace('raise ValueError("the model is gone")', "pass")


async def test_a_machine_without_memory_takes_no_job_and_says_why(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """In the log, counted in the status; the daemon itself is well."""
    write_app(workdir)
    environ = {"AGENTD_MIN_FREE_MEMORY_MB": "100000000", "AGENTD_RECONCILE": "off"}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_ready()

        dispatch = await callers.dispatch(daemon, "hold")

        declined = await daemon.wait_for(action="offer_declined", room=dispatch.room)
        status, words = await asyncio.gather(
            agentd(daemon, "status", "--json"), agentd(daemon, "status")
        )
        assert declined["refusal"] == "memory"
        assert declined["reason"].startswith("only ")
        assert declined["reason"].endswith(", 100000000 wanted")
        assert status.code == 0
        assert status.document["refusals"]["memory"] == len(daemon.seen(action="offer_declined"))
        assert "memory" in next(line for line in words.out.splitlines() if "refused" in line)
        assert daemon.seen(action="job_assigned") == []
        assert await daemon.stop() == 0


@asynccontextmanager
async def busy_cpus() -> AsyncIterator[None]:
    """More processes that want a CPU than there are, until the kernel's figures show it."""
    count = (os.cpu_count() or 1) + 1
    hogs = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
        for _ in range(count)
    ]
    try:
        async with asyncio.timeout(DEADLINE):
            # The kernel can wake a waiter (PSI triggers), but from half a second's window on only.
            while (read_readings().cpu_pressure or 0.0) < 5.0:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        yield
    finally:
        for hog in hogs:
            hog.kill()
            await hog.wait()


@pytest.mark.skipif(read_readings().cpu_pressure is None, reason="a kernel without PSI")
async def test_a_machine_whose_cpus_are_wanted_by_others_takes_no_job_and_says_why(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """By the kernel's own word (PSI), where the operator has set a limit."""
    write_app(workdir)
    environ = {"AGENTD_MAX_CPU_PRESSURE": "1", "AGENTD_RECONCILE": "off"}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_ready()

        async with busy_cpus():
            dispatch = await callers.dispatch(daemon, "hold")
            declined = await daemon.wait_for(action="offer_declined", room=dispatch.room)

        status = await agentd(daemon, "status", "--json")
        assert declined["refusal"] == "cpu_pressure"
        assert status.document["refusals"]["cpu_pressure"] == 1
        assert daemon.seen(action="job_assigned") == []
        assert await daemon.stop() == 0


async def test_a_crash_loop_declines_at_once_until_the_app_is_mended(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """With the error of the app, in the log, in /healthz and in the status."""
    write_app(workdir, NEVER_WARM)
    environ = {
        "AGENTD_RESTART_MAX_DELAY": "1",
        "AGENTD_INITIALIZE_PROCESS_TIMEOUT": "1",
        "AGENTD_NUM_IDLE_PROCESSES": "1",
        "AGENTD_RECONCILE": "off",
    }
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_for(action="failing", offender="pool")
        await daemon.wait_ready()

        dispatch = await callers.dispatch(daemon, "finish")

        declined = await daemon.wait_for(action="offer_declined", room=dispatch.room)
        code, body = await healthz(daemon)
        status = await agentd(daemon, "status", "--json")
        assert declined["refusal"] == "crash_loop"
        assert "the model is gone" in declined["reason"]
        assert status.document["refusals"]["crash_loop"] >= 1
        assert status.document["refusals"]["no_child"] == 0  # none was made to wait for a child
        assert (code, status.code) == (503, AskExit.UNHEALTHY)
        for problem in (body["problems"][0], status.document["problems"][0]):
            assert problem["path"] == "daemon/pool"
            assert "the model is gone" in problem["message"]

        write_app(workdir, WARM)
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for(action="reloaded")
        job = await callers.job(daemon, "finish")
        await daemon.wait_for(action="job_ended", job=job["job"], ending="completed")
        await healthz_until(daemon, is_well)
        assert await daemon.stop() == 0
