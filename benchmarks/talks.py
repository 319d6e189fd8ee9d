"""Calls to the voice agent that is measured (talker.py), in agentd and in livekit-agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct, structs

from .bench import Bench
from .rooms import new_room, open_rooms
from .telephone import Caller, calling
from .worker import AGENTD, PEER_WORKER, Variant, Worker, running

TALKER = Path(__file__).with_name("talker.py")
OPTIONS = "both with min_delay 0, min_duration 0.01, turn_detection vad, no echo warm-up"
"""What talker.py sets, alike in both, for the notes."""

JOB_TIMEOUT = 20.0
SETTLE = 1.0
"""Seconds until the agent follows the caller's microphone."""


class Talk(Struct, frozen=True, kw_only=True, eq=False):
    """One call."""

    caller: Caller
    pid: int
    """The process of the agent's job."""
    worker: Worker


def talkers(bench: Bench, *, idle: int = 1) -> list[Variant]:
    """The voice agent in each package that there is, agentd's first."""
    variants = [AGENTD] if bench.peer is None else [AGENTD, PEER_WORKER]
    return [structs.replace(variant, app=TALKER, idle=idle) for variant in variants]


@asynccontextmanager
async def talk(bench: Bench, variant: Variant, reply: float) -> AsyncIterator[Talk]:
    """A worker with one call to it, whose replies take so many seconds."""
    async with running(bench, variant) as worker, agent_of(bench, worker, reply) as one:
        yield one


@asynccontextmanager
async def agent_of(
    bench: Bench, worker: Worker, reply: float, *, frame_ms: int = 10
) -> AsyncIterator[Talk]:
    """A call to a worker."""
    room = new_room()
    async with open_rooms(bench) as rooms:
        try:
            async with calling(bench, room, frame_ms=frame_ms) as caller:
                await rooms.dispatch(worker.agent, room, str(reply))
                mark = await worker.marks.wait_for("talking", room, JOB_TIMEOUT)
                await asyncio.sleep(SETTLE)
                yield Talk(caller=caller, pid=mark.pid, worker=worker)
        finally:
            await rooms.delete(room)
