"""Private memory of the daemon and of its warm children."""

from __future__ import annotations

import asyncio

from msgspec import Struct, structs

from .bench import Bench
from .figures import Figure, median
from .procfs import Memory, memory
from .worker import AGENTD, PEER_WORKER, Variant, Worker, running

SETTLE = 2.0
"""Seconds after the last child is warm: what a start has stirred up comes to rest."""


class Footprint(Struct, frozen=True, kw_only=True):
    """One worker at rest, in MB."""

    main: Memory
    child: Memory
    """The median child."""
    all_private: float
    all_proportional: float


async def measure(bench: Bench) -> list[Figure]:
    """With a trivial app and with one that imports what a voice agent does."""
    figures: list[Figure] = []
    for heavy in (False, True):
        ours = await _footprint(bench, structs.replace(AGENTD, heavy=heavy))
        theirs = None
        if bench.peer is not None:
            theirs = await _footprint(bench, structs.replace(PEER_WORKER, heavy=heavy))
        figures += _figures("voice app" if heavy else "trivial app", ours, theirs)
    return figures


async def _footprint(bench: Bench, variant: Variant) -> Footprint:
    async with running(bench, variant) as worker:
        await asyncio.sleep(SETTLE)
        return _look(worker)


def _look(worker: Worker) -> Footprint:
    children = [memory(pid) for pid in worker.warm_pids()]
    family = [memory(process.pid) for process in worker.processes()]
    return Footprint(
        main=family[0],
        child=Memory(
            private=median([child.private for child in children]),
            proportional=median([child.proportional for child in children]),
            resident=median([child.resident for child in children]),
        ),
        all_private=sum(one.private for one in family),
        all_proportional=sum(one.proportional for one in family),
    )


def _figures(app: str, ours: Footprint, theirs: Footprint | None) -> list[Figure]:
    return [
        Figure(
            name=f"warm child, {app}",
            unit="MB",
            ours=ours.child.private,
            aim=5.0,
            peer=theirs.child.private if theirs else None,
            note=_note(ours.child, theirs.child if theirs else None),
        ),
        Figure(
            name=f"supervisor, {app}",
            unit="MB",
            ours=ours.main.private,
            aim=40.0,
            peer=theirs.main.private if theirs else None,
            note=_note(ours.main, theirs.main if theirs else None),
        ),
        Figure(
            name=f"all processes with 4 warm, {app}",
            unit="MB",
            ours=ours.all_proportional,
            peer=theirs.all_proportional if theirs else None,
            note="sum of PSS, template and helpers included",
        ),
    ]


def _note(ours: Memory, theirs: Memory | None) -> str:
    note = f"private; PSS {ours.proportional:.1f}, RSS {ours.resident:.1f}"
    if theirs is not None:
        note += f"; peer PSS {theirs.proportional:.1f}, RSS {theirs.resident:.1f}"
    return note
