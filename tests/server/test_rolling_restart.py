"""A new daemon takes over from one that drains, and no call is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, running_daemon
from tests.support.ear import listening

TONE = Path(__file__).parents[1] / "support" / "tone_app.py"

LONGEST_GAP = 1.0
"""Seconds; what a busy machine makes of media that nothing interrupts."""


@pytest.mark.timeout(90)
async def test_a_rolling_restart_loses_no_call(
    livekit_server: LiveKitServer, callers: Callers, workdir: Path
) -> None:
    """The first daemon keeps its call to the call's own end, the second takes the next one."""
    for name in ("first", "second"):
        (workdir / name).mkdir()
    async with (
        running_daemon(
            workdir / "first",
            *("start", str(TONE)),
            server=livekit_server,
            environ={"AGENTD_NUM_IDLE_PROCESSES": "1"},
        ) as first,
        running_daemon(
            workdir / "second",
            *("start", str(TONE)),
            server=livekit_server,
            environ={"AGENTD_NUM_IDLE_PROCESSES": "1"},
            agent_name=first.agent_name,
        ) as second,
    ):
        await first.wait_ready()
        await second.wait_ready()
        earlier = await callers.dispatch(first, "hum")
        async with listening(livekit_server, earlier.room, "caller-1") as ear:
            await ear.hears()
            # Which of the two LiveKit asks is its own affair: the one that has the call drains.
            old, new = (first, second) if first.seen(action="job_assigned") else (second, first)
            old.signal(signal.SIGTERM)
            await old.wait_for(action="draining", jobs=1)

            later = await callers.dispatch(first, "hum")
            async with listening(livekit_server, later.room, "caller-2") as other:
                await new.wait_for(action="job_assigned", room=later.room)
                await other.hears()
                await ear.hears()
                await callers.say(earlier.room, "end")
                ended = await old.wait_for(action="job_ended", room=earlier.room)
                assert await old.wait_exit() == 0
                await other.hears()
                await callers.say(later.room, "end")
                await new.wait_for(action="job_ended", room=later.room, ending="completed")

                assert (ended["ending"], ended["reason"]) == ("completed", "the caller said so")
                assert len(old.seen(action="job_assigned") + new.seen(action="job_assigned")) == 2
                assert (ear.most_agents, other.most_agents) == (1, 1)
                assert max(ear.gaps()[0], other.gaps()[0]) < LONGEST_GAP
        assert await new.stop() == 0
