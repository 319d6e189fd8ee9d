"""A job whose process dies goes on in another: a hiccup for the caller, not a hang-up."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit import rtc

from agentd.aio.timing import monotonic
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, Daemon, Line, running_daemon
from tests.support.ear import Ear, listening

pytestmark = pytest.mark.timeout(90)
"""Two daemons, callers and their media: seconds each, more on a busy machine."""

LONGEST_SILENCE = 1.5
"""Seconds. 0.14 on a quiet machine (`make bench` holds that); a busy one may take more."""

TONE = Path(__file__).parents[1] / "support" / "tone_app.py"


@asynccontextmanager
async def call(
    server: LiveKitServer, callers: Callers, daemon: Daemon
) -> AsyncIterator[tuple[Line, Ear]]:
    """A caller who hears the agent; with the line of the job's assignment."""
    dispatch = await callers.dispatch(daemon, "hum")
    async with listening(server, dispatch.room, "caller") as ear:
        job = await daemon.wait_for(action="job_assigned", room=dispatch.room)
        await ear.hears()
        yield job, ear


async def humming(daemon: Daemon, job: object, lives: int) -> Line:
    """The job's word that it hums in its so-many-th life."""
    return await daemon.wait_for(job=job, action="humming", lives=lives)


async def test_a_killed_child_costs_a_moment_and_the_job_knows_its_past(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """Same room, same identity, the state that it had left, and never two agents."""
    async with running_daemon(tmp_path, "start", str(TONE), server=livekit_server) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear):
            first = await humming(daemon, job["job"], 1)
            killed_at = monotonic()
            os.kill(first["pid"], signal.SIGKILL)
            second = await humming(daemon, job["job"], 2)
            await ear.has_track_since(killed_at)
            await ear.hears()

            assert second["pid"] != first["pid"]
            assert (second["resumed"], second["identity"]) == (True, first["identity"])
            assert ear.most_agents == 1
            assert ear.gaps(since=killed_at - 0.5)[0] < LONGEST_SILENCE
            await callers.say(job["room"], "end")
            ended = await daemon.wait_for(action="job_ended", job=job["job"])
        assert (ended["ending"], ended["resumes"]) == ("completed", 1)
        assert await daemon.stop() == 0


async def test_livekit_s_view_that_the_job_is_over_does_not_end_it(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """Once the server knows the job's agent it terminates the job when that one is replaced."""
    async with running_daemon(tmp_path, "start", str(TONE), server=livekit_server) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear):
            first = await humming(daemon, job["job"], 1)
            await callers.known_to_server(daemon, job["room"])
            os.kill(first["pid"], signal.SIGKILL)

            await daemon.wait_for(action="termination_ignored", job=job["job"])
            await humming(daemon, job["job"], 2)
            await ear.hears()
            assert not daemon.seen(action="job_ended")
            await callers.delete_room(job["room"])
            await daemon.wait_for(action="job_ended", job=job["job"])
        assert await daemon.stop() == 0


async def test_a_process_that_the_job_ends_itself_is_a_death_like_others(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """The reason that is logged has its exit code."""
    async with running_daemon(tmp_path, "start", str(TONE), server=livekit_server) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, _ear):
            await callers.say(job["room"], "exit 7")

            await humming(daemon, job["job"], 2)
            lost = await daemon.wait_for(action="job_resuming", job=job["job"])
            await callers.say(job["room"], "end")
            await daemon.wait_for(action="job_ended", job=job["job"])
        assert lost["reason"] == "the job's process exited with code 7"


async def test_a_job_that_dies_too_often_leaves_its_room_as_failed(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> None:
    """LiveKit has the error, the caller is told too, and no ghost stays with him."""
    async with running_daemon(
        tmp_path,
        "start",
        str(TONE),
        server=livekit_server,
        environ={"AGENTD_MAX_RESUMES": "1"},
    ) as daemon:
        await daemon.wait_ready()
        async with call(livekit_server, callers, daemon) as (job, ear):
            told: list[rtc.DataPacket] = []

            def hear(packet: rtc.DataPacket) -> None:
                told.append(packet)
                ear.count()

            ear.room.on("data_received", hear)
            for life in (1, 2):
                line = await humming(daemon, job["job"], life)
                os.kill(line["pid"], signal.SIGKILL)

            ended = await daemon.wait_for(action="job_ended", job=job["job"])
            assert ended["reason"].endswith("it was resumed 1 times within 60 s")
            status, error = await callers.verdict(job["job"])
            assert (status, error) == ("JS_FAILED", ended["reason"])
            await ear.until(
                lambda: ear.agents == 0 and told != [], "the ghost to leave, and word of it"
            )
            ((topic, data),) = [(packet.topic, packet.data) for packet in told]
            assert topic == "agentd.job_failed"
            assert json.loads(data)["error"] == ended["reason"]
        assert await daemon.stop() == 0
