"""A conversation whose process is killed goes on in another, in a real room."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, Daemon, Line, running_daemon
from tests.support.ear import Ear, listening

pytestmark = pytest.mark.timeout(90)
"""A daemon, a caller and their media: seconds each, more on a busy machine."""

APP = Path(__file__).parents[1] / "support" / "story_app.py"


@asynccontextmanager
async def call(
    server: LiveKitServer, callers: Callers, daemon: Daemon
) -> AsyncIterator[tuple[Line, Ear, Line]]:
    """A caller, the line of the job's assignment, and that of the session's start."""
    dispatch = await callers.dispatch(daemon, "story")
    async with listening(server, dispatch.room, "caller") as ear:
        job = await daemon.wait_for(action="job_assigned", room=dispatch.room)
        here = await daemon.wait_for(job=job["job"], action="story_here")
        yield job, ear, here


async def test_the_sentence_that_was_cut_off_is_said_again(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """What was heard before it is history, and the userdata is what it was."""
    async with running_daemon(tmp_path, "start", str(APP), server=livekit_server) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear, here):
            await callers.say(job["room"], "tell")
            await ear.hears(500)
            os.kill(here["pid"], signal.SIGKILL)
            resumed = await daemon.wait_for(job=job["job"], action="story_resumed")
            await ear.hears(100)

            assert resumed["again"].startswith("This is sentence number ")
            assert resumed["heard"].startswith("This is sentence number 1 ")
            assert resumed["told"] == 1
            assert ear.most_agents == 1
            await callers.say(job["room"], "end")
            ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert (ended["ending"], ended["resumes"]) == ("completed", 1)
        assert await daemon.stop() == 0


async def test_a_tool_that_was_at_work_is_not_called_again(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """The model is told, and tells the caller."""
    async with running_daemon(tmp_path, "start", str(APP), server=livekit_server) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear, here):
            await callers.say(job["room"], "pay")
            await daemon.wait_for(job=job["job"], action="paying")
            os.kill(here["pid"], signal.SIGKILL)
            resumed = await daemon.wait_for(job=job["job"], action="story_resumed")
            await ear.hears(20)

            assert resumed["unfinished"] == "['pay']"
            assert len(daemon.seen(action="paying")) == 1
            await callers.say(job["room"], "end")
            await daemon.wait_for(action="job_ended", job=job["job"])
        assert await daemon.stop() == 0
