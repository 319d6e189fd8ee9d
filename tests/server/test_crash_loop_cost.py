"""What a crash loop costs: at the longest delay of 30 s, under 5 % of a core."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from agentd.settings.fields import FIELDS
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Daemon, running_daemon, write_app

SHARE = 0.05
"""Of a core."""

TRIES = 3

ENVIRON = {
    "AGENTD_RESTART_MAX_DELAY": "0.5",
    "AGENTD_NUM_IDLE_PROCESSES": "1",
    # Coverage would measure its own writing of a file for each process.
    "COVERAGE_PROCESS_CONFIG": "",
    "COVERAGE_PROCESS_START": "",
}

APP = """\
import os, threading
from agentd import AgentServer

{imported}

def prewarm(process):
    {prewarm}

server = AgentServer(setup_fnc=prewarm)

@server.rtc_session
async def entry(ctx):
    pass
"""
GOOD = APP.format(imported="", prewarm="pass")
PREWARM_RAISES = APP.format(imported="", prewarm="raise ValueError('the model is gone')")
CHILD_DIES = APP.format(imported="", prewarm="threading.Timer(0.2, os._exit, (0,)).start()")
IMPORT_RAISES = APP.format(imported="raise ValueError('bad day')", prewarm="pass")


def cpu_seconds(daemon: Daemon) -> float:
    """Of the daemon and of all processes that it has reaped."""
    return sum(psutil.Process(daemon.pid).cpu_times())


async def cpu_a_try(daemon: Daemon, action: str) -> float:
    """Seconds of CPU from one try of what fails to the next, the daemon's own included."""
    tries = len(daemon.seen(action=action))
    await daemon.wait_for_count(tries + 1, action=action)
    before = cpu_seconds(daemon)
    await daemon.wait_for_count(tries + 1 + TRIES, action=action)
    return (cpu_seconds(daemon) - before) / TRIES


async def share_of_a_core(
    server: LiveKitServer, root: Path, app: str, action: str, offender: str
) -> float:
    """What this app costs once it counts as failing, from CPU a try and the default delay."""
    root.mkdir()
    write_app(root, GOOD)
    async with running_daemon(root, "start", "app.py", server=server, environ=ENVIRON) as daemon:
        template = (await daemon.wait_for(action="template_ready"))["template_pid"]
        await daemon.wait_ready()
        write_app(root, app)
        if offender == "template":
            os.kill(template, signal.SIGKILL)
        else:
            daemon.signal(signal.SIGHUP)
        await daemon.wait_for(action="failing", offender=offender)
        seconds = await cpu_a_try(daemon, action)
        assert await daemon.stop() == 0
    longest_delay = FIELDS["restart_max_delay"].default
    assert isinstance(longest_delay, float)
    return seconds / longest_delay


@pytest.mark.timeout(60)
async def test_a_crash_loop_costs_less_than_a_twentieth_of_a_core(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """A prewarm that raises, a child that dies when it is warm, an import that raises."""
    async with asyncio.TaskGroup() as tasks:
        shares = [
            tasks.create_task(share_of_a_core(livekit_server, workdir / str(number), *how))
            for number, how in enumerate(
                [
                    (PREWARM_RAISES, "child_failed", "pool"),
                    (CHILD_DIES, "child_failed", "pool"),
                    (IMPORT_RAISES, "app_failed", "template"),
                ]
            )
        ]

    found = [share.result() for share in shares]
    print("\nof a core: " + ", ".join(f"{100 * share:.2f} %" for share in found))  # noqa: T201
    assert all(0.0 < share < SHARE for share in found)
