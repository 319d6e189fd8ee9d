"""A daemon that dies costs no call: the next one adopts what lives and resumes what does not."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from agentd.aio.timing import monotonic
from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, Daemon, Line, running_daemon
from tests.support.ear import Ear, listening

pytestmark = pytest.mark.timeout(90)
"""Two daemons, callers and their media: seconds each, more on a busy machine."""

TONE = Path(__file__).parents[1] / "support" / "tone_app.py"
CALLS = 2

LONGEST_GAP = 1.0
"""Seconds; what a busy machine makes of media that nothing interrupts. `make bench` has eight
calls, and holds them to 100 ms."""


class Calls:
    """Some calls of one daemon, each with a caller who listens."""

    def __init__(self, daemon: Daemon, root: Path, server: LiveKitServer) -> None:
        self.daemon = daemon
        self.jobs: list[Line] = []
        self.ears: list[Ear] = []
        self._root = root
        self._server = server

    @asynccontextmanager
    async def next_daemon(self) -> AsyncIterator[Daemon]:
        """A daemon that finds what the first one has left."""
        async with running_daemon(
            self._root,
            "start",
            str(TONE),
            server=self._server,
            agent_name=self.daemon.agent_name,
        ) as daemon:
            yield daemon

    async def end_all(self, daemon: Daemon, callers: Callers) -> list[Line]:
        """Have all jobs end by the caller's word; returns what the daemon says of that."""
        for job in self.jobs:
            await callers.say(job["room"], "end")
        return [await daemon.wait_for(action="job_ended", job=job["job"]) for job in self.jobs]


@pytest.fixture
async def calls(
    tmp_path: Path, livekit_server: LiveKitServer, callers: Callers
) -> AsyncIterator[Calls]:
    """Calls in which the agent is heard."""
    async with (
        running_daemon(tmp_path, "start", str(TONE), server=livekit_server) as daemon,
        AsyncExitStack() as stack,
    ):
        await daemon.wait_ready()
        them = Calls(daemon, tmp_path, livekit_server)
        for _ in range(CALLS):
            dispatch = await callers.dispatch(daemon, "hum")
            ear = await stack.enter_async_context(
                listening(livekit_server, dispatch.room, "caller")
            )
            them.ears.append(ear)
            job = await daemon.wait_for(action="job_assigned", room=dispatch.room)
            them.jobs.append(await daemon.wait_for(action="humming", job=job["job"]))
            await ear.hears()
        yield them


async def test_running_jobs_are_adopted_and_nobody_notices(calls: Calls, callers: Callers) -> None:
    """Same processes, no second life, and the new daemon tells how they end."""
    crashed_at = monotonic()
    await calls.daemon.crash()
    for ear in calls.ears:
        await ear.hears()

    async with calls.next_daemon() as daemon:
        for job in calls.jobs:
            await daemon.wait_for(action="job_adopted", job=job["job"])
        for ear in calls.ears:
            await ear.hears()
        await daemon.wait_ready()
        assert max(ear.gaps(since=crashed_at - 0.5)[0] for ear in calls.ears) < LONGEST_GAP
        ended = await calls.end_all(daemon, callers)
        assert await daemon.stop() == 0

    assert [line["ending"] for line in ended] == ["completed"] * CALLS
    assert not daemon.seen(action="job_resuming")
    assert [ear.most_agents for ear in calls.ears] == [1] * CALLS


async def test_jobs_are_adopted_again_and_again(calls: Calls, callers: Callers) -> None:
    """A daemon that adopts writes down what the next one needs."""
    await calls.daemon.crash()
    async with calls.next_daemon() as second:
        for job in calls.jobs:
            await second.wait_for(action="job_adopted", job=job["job"])
        await second.crash()
        async with calls.next_daemon() as third:
            for job in calls.jobs:
                await third.wait_for(action="job_adopted", job=job["job"])
            assert third.seen(action="jobs_found", living=CALLS, orphaned=0)
            await calls.end_all(third, callers)
            assert await third.stop() == 0


async def test_what_an_adopted_job_prints_is_read_again(calls: Calls, callers: Callers) -> None:
    """Its old pipe had lost its reader."""
    await calls.daemon.crash()
    async with calls.next_daemon() as daemon:
        job = calls.jobs[0]
        await daemon.wait_for(action="job_adopted", job=job["job"])
        await callers.say(job["room"], "note hello")
        await daemon.wait_for(name="agentd.output", message="order note hello", job=job["job"])
        await calls.end_all(daemon, callers)
        assert await daemon.stop() == 0


async def test_a_job_that_died_without_a_daemon_is_resumed_by_the_next(
    calls: Calls, callers: Callers
) -> None:
    """From the snapshot in the journal, while the others are adopted."""
    await calls.daemon.crash()
    victim, *others = calls.jobs
    os.kill(victim["pid"], signal.SIGKILL)

    async with calls.next_daemon() as daemon:
        second = await daemon.wait_for(action="humming", job=victim["job"])
        assert (second["resumed"], second["lives"]) == (True, 2)
        for job in others:
            await daemon.wait_for(action="job_adopted", job=job["job"])
        await calls.ears[0].hears()
        await calls.end_all(daemon, callers)
        assert await daemon.stop() == 0


async def test_a_job_that_ended_without_a_daemon_is_told_to_the_next(
    calls: Calls, callers: Callers
) -> None:
    """It waits with its outcome until somebody can hear it, and is not begun again."""
    await calls.daemon.crash()
    ended, *others = calls.jobs
    await callers.say(ended["room"], "end")
    await calls.ears[0].until(lambda: calls.ears[0].agents == 0, "the agent to leave")

    async with calls.next_daemon() as daemon:
        line = await daemon.wait_for(action="job_ended", job=ended["job"])
        assert line["ending"] == "completed"
        calls.jobs = others
        await calls.end_all(daemon, callers)
        assert not daemon.seen(action="job_resuming")
        assert await daemon.stop() == 0


async def test_a_lost_journal_costs_no_call(calls: Calls, callers: Callers) -> None:
    """A child that comes back tells its job itself."""
    await calls.daemon.crash()
    shutil.rmtree(calls.daemon.root / "state")

    async with calls.next_daemon() as daemon:
        for job in calls.jobs:
            await daemon.wait_for(action="job_adopted", job=job["job"])
        await calls.end_all(daemon, callers)
        assert await daemon.stop() == 0
