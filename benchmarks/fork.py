"""From the wish for a child until it is warm."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from .bench import Bench, run_program
from .figures import Figure, median, spread
from .rig import RIG_TIMEOUT, Plan, run_rig

BATCHES = 2
"""Ours and theirs take turns."""


async def measure(bench: Bench) -> list[Figure]:
    """Fork to ready, with a trivial app and with one that imports what a voice agent does."""
    return [await _measure(bench, heavy=False), await _measure(bench, heavy=True)]


async def _measure(bench: Bench, *, heavy: bool) -> Figure:
    count = bench.samples(25, 5)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(BATCHES):
        plan = Plan(folder=str(bench.new_folder()), forks=count)
        ours += (await run_rig(bench, plan, heavy=heavy)).fork
        if bench.peer is not None:
            theirs += await _peer(bench.peer, count, heavy=heavy)
    app = "voice app" if heavy else "trivial app"
    ours_ms, theirs_ms = [1e3 * s for s in ours], [1e3 * s for s in theirs]
    note = spread(ours_ms, "ms")
    if theirs_ms:
        note += f"; peer {spread(theirs_ms, 'ms')}"
    return Figure(
        name=f"fork to ready, {app}, p50",
        unit="ms",
        ours=median(ours_ms),
        aim=20.0,
        peer=median(theirs_ms) if theirs_ms else None,
        note=note,
    )


async def _peer(python: Path, count: int, *, heavy: bool) -> list[float]:
    environment = os.environ | {
        "BENCH_SDK": "livekit.agents",
        "BENCH_HEAVY": "1" if heavy else "",
    }
    script = Path(__file__).with_name("peer_fork.py")
    output = await run_program([str(python), str(script), str(count)], environment, RIG_TIMEOUT)
    return msgspec.json.decode(output.splitlines()[-1], type=list[float])
