"""Calls whose processes are killed: how long a caller hears nothing.

Callers listen to an agent that hums all the time. First its child is killed, again and again,
as unrelated deaths: a job that dies soon after a resume would be given a pause. Then the daemon
is killed under eight calls, and another is started in its place.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import structs

from tests.support.daemon import Callers, Daemon, Line, callers_of, running_daemon
from tests.support.ear import Ear, listening

from .bench import Bench
from .figures import Figure, median, percentile, spread
from .rooms import new_room, open_rooms
from .worker import PEER_WORKER, running

TONE = Path(__file__).parents[1] / "tests" / "support" / "tone_app.py"
CALLS = 8
SETTLE = 2.0
"""Seconds between two kills, and of listening before and after."""

GHOST_DEADLINE = 60.0


async def measure(bench: Bench) -> list[Figure]:
    """Kills of children, the same at the peer, and a kill of the daemon."""
    figures = await _kill_children(bench)
    if bench.peer is not None:
        figures[0] = structs.replace(figures[0], note=f"{figures[0].note}; {await _ghost(bench)}")
    return figures + await _kill_daemon(bench)


# -- a child ----------------------------------------------------------------------------


async def _kill_children(bench: Bench) -> list[Figure]:
    kills = bench.samples(50, 3)
    back, gaps = [], []
    async with (
        _daemon(bench) as daemon,
        callers_of(bench.server) as callers,
        _calls(bench, daemon, callers, 1) as ((job,), (ear,)),
    ):
        humming = job
        for life in range(kills):
            await asyncio.sleep(SETTLE)
            killed_at = time.monotonic()
            os.kill(humming["pid"], signal.SIGKILL)
            humming = await daemon.wait_for(action="humming", job=job["job"], lives=life + 2)
            await ear.has_track_since(killed_at)
            await ear.hears()
            back.append(ear.subscribed_at[-1] - killed_at)
            gaps.append(ear.gaps(since=killed_at - 0.5)[0])
        ghosts = ear.most_agents - 1
        await _end(daemon, callers, [job])
    return [
        Figure(
            name="kill -9 of a child to its next life's track at the caller, p50",
            unit="s",
            ours=median(back),
            aim=0.7,
            note=spread(back, "s"),
        ),
        Figure(
            name="the same, p95", unit="s", ours=percentile(back, 95), aim=1.5, note=f"n={kills}"
        ),
        Figure(
            name="silence at the caller, p50", unit="s", ours=median(gaps), note=spread(gaps, "s")
        ),
        Figure(name="ghosts beside the living agent, of all kills", unit="", ours=ghosts, aim=0),
    ]


async def _ghost(bench: Bench) -> str:
    """How long livekit-agents' agent stays in the room when its process is killed."""
    async with running(bench, PEER_WORKER) as worker, open_rooms(bench) as rooms:
        name = new_room()
        async with listening(bench.server, name, "caller") as ear:
            await rooms.dispatch(worker.agent, name)
            await ear.until(lambda: ear.agents == 1, "the peer's agent")
            (mark,) = [mark for mark in worker.marks.seen if mark.what == "joined"]
            os.kill(mark.pid, signal.SIGKILL)
            killed_at = time.monotonic()
            left = asyncio.Event()
            ear.room.on("participant_disconnected", lambda _: left.set())
            try:
                await asyncio.wait_for(left.wait(), GHOST_DEADLINE)
            except TimeoutError:
                return f"livekit-agents: its ghost is there after {GHOST_DEADLINE:g} s"
            seconds = time.monotonic() - killed_at
            await asyncio.sleep(SETTLE)
            came = "another agent came" if ear.agents else "no agent came back"
            return f"livekit-agents: a ghost for {seconds:.1f} s, then {came}"


# -- the daemon -------------------------------------------------------------------------


async def _kill_daemon(bench: Bench) -> list[Figure]:
    adopted: list[float] = []
    worst: list[float] = []
    before: list[float] = []
    for _ in range(bench.samples(5, 1)):
        async with AsyncExitStack() as stack:
            root = bench.new_folder()
            daemon = await stack.enter_async_context(_daemon(bench, root=root))
            callers = await stack.enter_async_context(callers_of(bench.server))
            jobs, ears = await stack.enter_async_context(_calls(bench, daemon, callers, CALLS))
            await asyncio.sleep(2 * SETTLE)
            killed_at = time.monotonic()
            before += [ear.gaps(killed_at - SETTLE, killed_at)[0] for ear in ears]
            await daemon.crash()
            await asyncio.sleep(SETTLE)
            started_at = time.monotonic()
            successor = await stack.enter_async_context(
                _daemon(bench, root=root, agent_name=daemon.agent_name, ready=False)
            )
            await successor.wait_for_count(CALLS, action="job_adopted")
            adopted.append(time.monotonic() - started_at)
            await asyncio.sleep(SETTLE)
            worst += [ear.gaps(killed_at - 0.5)[0] for ear in ears]
            await _end(successor, callers, jobs)
    return [
        Figure(
            name=f"start of a daemon to {CALLS} calls of a dead one adopted, worst",
            unit="s",
            ours=max(adopted),
            aim=2.0,
            note=spread(adopted, "s"),
        ),
        Figure(
            name="longest gap in a call whose daemon is killed and replaced, worst",
            unit="ms",
            ours=1000 * max(worst),
            aim=100.0,
            note=f"p50 {1000 * median(worst):.0f} ms, n={len(worst)}; in the {SETTLE:g} s before: "
            f"worst {1000 * max(before):.0f} ms",
        ),
    ]


# -- parts --------------------------------------------------------------------------------


@asynccontextmanager
async def _daemon(
    bench: Bench, *, root: Path | None = None, agent_name: str = "", ready: bool = True
) -> AsyncIterator[Daemon]:
    async with running_daemon(
        root or bench.new_folder(),
        "start",
        str(TONE),
        server=bench.server,
        agent_name=agent_name,
        environ={"AGENTD_MAX_RESUMES": "1000", "AGENTD_RESUME_PERIOD": "1"},
    ) as daemon:
        if ready:
            await daemon.wait_ready()
        yield daemon


@asynccontextmanager
async def _calls(
    bench: Bench, daemon: Daemon, callers: Callers, count: int
) -> AsyncIterator[tuple[list[Line], list[Ear]]]:
    """So many calls in which the agent is heard."""
    jobs, ears = [], []
    async with AsyncExitStack() as stack:
        for _ in range(count):
            dispatch = await callers.dispatch(daemon, "hum")
            ears.append(
                await stack.enter_async_context(listening(bench.server, dispatch.room, "caller"))
            )
            jobs.append(await daemon.wait_for(action="humming", room=dispatch.room))
            await ears[-1].hears()
        yield jobs, ears


async def _end(daemon: Daemon, callers: Callers, jobs: list[Line]) -> None:
    for job in jobs:
        await callers.say(job["room"], "end")
    for job in jobs:
        await daemon.wait_for(action="job_ended", job=job["job"])
    await daemon.stop()
