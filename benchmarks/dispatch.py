"""From the call of create_dispatch() to the first line of the entrypoint.

The server itself takes 0.2 s before it offers the job. What it takes is measured in each
round with a worker of nothing but the protocol, and subtracted.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from msgspec import Struct

from .bare import BareWorker, bare_worker
from .bench import Bench
from .figures import Figure, median, paired_difference, percentile, spread
from .rooms import Rooms, new_room, open_rooms
from .worker import AGENTD, PEER_WORKER, Worker, running

JOB_TIMEOUT = 15.0
QUIET = 0.3
"""Seconds between two dispatches: what the last one set going comes to rest."""


class Round(Struct, frozen=True, kw_only=True):
    """The waits of one round, in milliseconds after the call."""

    offer: float
    """Until the bare worker had its offer: the server's own."""
    assignment: float
    """Until it had its assignment, having said yes at once."""
    entrypoints: list[float]
    """Until each worker's entrypoint ran."""


async def measure(bench: Bench) -> list[Figure]:
    """Rounds of one dispatch to each in turn."""
    async with AsyncExitStack() as stack:
        rooms = await stack.enter_async_context(open_rooms(bench))
        bare = await stack.enter_async_context(bare_worker(bench))
        workers = [await stack.enter_async_context(running(bench, AGENTD))]
        if bench.peer is not None:
            workers.append(await stack.enter_async_context(running(bench, PEER_WORKER)))
        rounds = [await _round(rooms, bare, workers) for _ in range(bench.samples(31, 4))]
        await asyncio.sleep(QUIET)
        return _figures(rounds[1:], _waits(workers[0]))


async def _round(rooms: Rooms, bare: BareWorker, workers: list[Worker]) -> Round:
    room = new_room()
    asked_at = await rooms.dispatch(bare.agent, room)
    await bare.wait_assigned(room, JOB_TIMEOUT)
    offer = _ms(bare.offered_at[room] - asked_at)
    assignment = _ms(bare.assigned_at[room] - asked_at)
    await rooms.delete(room)
    await asyncio.sleep(QUIET)
    entrypoints = [await _one(rooms, worker) for worker in workers]
    return Round(offer=offer, assignment=assignment, entrypoints=entrypoints)


async def _one(rooms: Rooms, worker: Worker) -> float:
    room, warm = new_room(), worker.marks.count("warm")
    asked_at = await rooms.dispatch(worker.agent, room)
    mark = await worker.marks.wait_for("entrypoint", room, JOB_TIMEOUT)
    await worker.marks.wait_for("joined", room, JOB_TIMEOUT)
    await worker.marks.wait_count("warm", warm + 1, JOB_TIMEOUT)
    await rooms.delete(room)
    await asyncio.sleep(QUIET)
    return _ms(mark.at - asked_at)


def _ms(nanoseconds: int) -> float:
    return nanoseconds / 1e6


def _waits(worker: Worker) -> list[float]:
    """The daemon's own word: from the offer's arrival to the assignment sent to a child."""
    records = [r for r in worker.records if r.get("action") == "job_assigned"]
    return [1e3 * float(record["waited"]) for record in records]


def _figures(rounds: list[Round], waits: list[float]) -> list[Figure]:
    offers = [one.offer for one in rounds]
    ours = [one.entrypoints[0] for one in rounds]
    theirs = [one.entrypoints[1] for one in rounds if len(one.entrypoints) > 1]
    answers = [one.assignment - one.offer for one in rounds]
    above = [a - b for a, b in zip(ours, offers, strict=True)]
    return [
        Figure(
            name="dispatch to entrypoint, p50",
            unit="ms",
            ours=median(ours),
            peer=median(theirs) if theirs else None,
            note=f"{spread(ours, 'ms')}; the server's own {median(offers):.1f} ms",
        ),
        Figure(
            name="dispatch to entrypoint above the server's own, p50",
            unit="ms",
            ours=paired_difference(ours, offers),
            aim=6.0,
            peer=paired_difference(theirs, offers) if theirs else None,
            note=(
                f"p95 {percentile(above, 95):.1f} ms; of it answer to assignment in the server "
                f"{median(answers):.1f} ms; the daemon says offer to child {median(waits):.1f} ms"
            ),
        ),
    ]
