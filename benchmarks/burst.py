"""16 dispatches at once on 4 warm children and 16 slots."""

from __future__ import annotations

import asyncio

from msgspec import Struct, structs

from .bench import Bench
from .figures import Figure, median
from .rooms import Rooms, new_room, open_rooms
from .worker import AGENTD, PEER_WORKER, Variant, Worker, running

BURST = 16
DEADLINE = 20.0
"""Seconds after which a job that has not come is lost."""

VARIANTS = (
    AGENTD,
    structs.replace(PEER_WORKER, name="peer-no-load"),
    structs.replace(PEER_WORKER, name="peer-default", no_load=False),
)


class Outcome(Struct, frozen=True, kw_only=True):
    """One burst; seconds after the first dispatch."""

    entrypoints: list[float]
    joined: list[float]
    in_room: int
    """Rooms with an agent, as the server says."""

    @property
    def lost(self) -> int:
        return BURST - self.in_room


async def measure(bench: Bench) -> list[Figure]:
    """Bursts on fresh workers in turn, one worker at a time."""
    variants = VARIANTS if bench.peer is not None else VARIANTS[:1]
    outcomes: dict[str, list[Outcome]] = {variant.name: [] for variant in variants}
    async with open_rooms(bench) as rooms:
        for _ in range(bench.samples(5, 1)):
            for variant in variants:
                outcomes[variant.name].append(await _burst(bench, rooms, variant))
    ours, *theirs = outcomes.values()
    return _figures(ours, *theirs)


async def _burst(bench: Bench, rooms: Rooms, variant: Variant) -> Outcome:
    async with running(bench, variant) as worker:
        names = [new_room() for _ in range(BURST)]
        asked = await asyncio.gather(*(rooms.dispatch(worker.agent, name) for name in names))
        await worker.marks.wait_count("joined", BURST, DEADLINE)
        outcome = await _outcome(rooms, worker, names, min(asked))
        await asyncio.gather(*(rooms.delete(name) for name in names))
    return outcome


async def _outcome(rooms: Rooms, worker: Worker, names: list[str], began_at: int) -> Outcome:
    present = await asyncio.gather(*(rooms.has_agent(name) for name in names))

    def times(what: str) -> list[float]:
        return sorted((m.at - began_at) / 1e9 for m in worker.marks.seen if m.what == what)

    return Outcome(entrypoints=times("entrypoint"), joined=times("joined"), in_room=sum(present))


def _figures(
    ours: list[Outcome],
    no_load: list[Outcome] | None = None,
    default: list[Outcome] | None = None,
) -> list[Figure]:
    return [
        Figure(
            name=f"burst of {BURST}: lost, worst",
            unit="jobs",
            ours=_most_lost(ours),
            aim=0.0,
            peer=_most_lost(default) if default else None,
            note="peer with its defaults"
            + (f"; load off: {_most_lost(no_load):.0f}" if no_load else ""),
        ),
        _figure("last in the room", "joined", ours, no_load, aim=1.5),
        _figure("last entrypoint", "entrypoints", ours, no_load),
    ]


def _figure(
    what: str,
    field: str,
    ours: list[Outcome],
    no_load: list[Outcome] | None,
    *,
    aim: float | None = None,
) -> Figure:
    lasts, firsts = _each(ours, field, -1), _each(ours, field, 0)
    return Figure(
        name=f"burst of {BURST}: {what}, p50",
        unit="s",
        ours=median(lasts),
        aim=aim,
        peer=median(_each(no_load, field, -1)) if no_load else None,
        note=(
            f"of {len(ours)} bursts: first {median(firsts):.2f}, middle "
            f"{median(_each(ours, field, BURST // 2)):.2f}, worst last {max(lasts):.2f} s"
            + ("; peer with load off" if no_load else "")
        ),
    )


def _each(outcomes: list[Outcome], field: str, rank: int) -> list[float]:
    """The agent of a rank in each burst; the deadline for one that never came."""
    found: list[float] = []
    for outcome in outcomes:
        times: list[float] = getattr(outcome, field)
        padded = times + [DEADLINE] * (BURST - len(times))
        found.append(padded[rank])
    return found


def _most_lost(outcomes: list[Outcome]) -> float:
    return float(max(outcome.lost for outcome in outcomes))
