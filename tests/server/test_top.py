"""`agentd top` in a terminal, on a real daemon that loses a child, dies, and comes back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.command import agentd
from tests.support.daemon import Callers, running_daemon, write_app
from tests.support.screen import ALTERNATE_OFF, CURSOR_ON, in_terminal

pytestmark = pytest.mark.timeout(120)

HOSTILE = "room\x1b[2J[red]"
"""Would clear the screen."""


async def test_it_shows_what_happens_and_outlives_the_daemon(
    livekit_server: LiveKitServer, workdir: Path, callers: Callers
) -> None:
    """A call comes and is resumed; the daemon is killed and another adopts the call."""
    write_app(workdir)
    environ = {"AGENTD_MAX_JOBS": "6"}
    async with running_daemon(
        workdir, "start", "app.py", server=livekit_server, environ=environ
    ) as daemon:
        await daemon.wait_ready()
        async with in_terminal(daemon, "top") as terminal:
            await terminal.shows("registered", "warm", "no call runs")
            dispatch = await callers.dispatch(daemon, "hold", room=f"{workdir.name}{HOSTILE}")
            job = (await daemon.wait_for(action="job_assigned", room=dispatch.room))["job"]
            holding = await daemon.wait_for(job=job, message="holding")
            await terminal.shows("busy", job, r"room\x1b[2J[red]", "job_assigned")

            os.kill(holding["pid"], signal.SIGKILL)
            await terminal.shows("job_resuming", "1 running", "post_mortem")
            terminal.resize(60, 24)
            await terminal.shows("registered", "1 running", "events")
            once = await agentd(daemon, "top")
            assert (once.code, once.err) == (0, "")
            assert "1 running" in once.out
            assert "\x1b" not in once.out

            await daemon.crash()
            await terminal.shows("no word of the daemon since", "1 running")
            async with running_daemon(
                workdir,
                "start",
                "app.py",
                server=livekit_server,
                environ=environ,
                agent_name=daemon.agent_name,
            ) as successor:
                await successor.wait_ready()
                await terminal.shows("registered", "1 running", gone="no word")
                terminal.press("q")
                assert terminal.process is not None
                assert await terminal.process.wait() == 0
                await callers.say(dispatch.room, "end")
                assert await successor.stop() == 0
            assert terminal.written.endswith((ALTERNATE_OFF + CURSOR_ON, CURSOR_ON + ALTERNATE_OFF))
