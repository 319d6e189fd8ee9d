"""CPU time of a registered worker with 4 warm children and nothing to do."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from .bench import Bench
from .figures import Figure
from .procfs import cpu_seconds
from .worker import AGENTD, PEER_WORKER, Worker, running

SETTLE = 5.0


async def measure(bench: Bench) -> list[Figure]:
    """Both at once, so that both see the same machine."""
    seconds = bench.samples(60, 10)
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(running(bench, AGENTD))]
        if bench.peer is not None:
            workers.append(await stack.enter_async_context(running(bench, PEER_WORKER)))
        await asyncio.sleep(SETTLE)
        ours, *theirs = await _shares(workers, seconds)
    return [
        Figure(
            name="idle CPU with 4 warm children",
            unit="% of a core",
            ours=ours,
            aim=0.3,
            peer=theirs[0] if theirs else None,
            note=f"all processes, over {seconds} s, registered",
        )
    ]


async def _shares(workers: list[Worker], seconds: int) -> list[float]:
    families = [[process.pid for process in worker.processes()] for worker in workers]
    before = [cpu_seconds(family) for family in families]
    began_at = time.perf_counter()
    await asyncio.sleep(seconds)
    after = [cpu_seconds(family) for family in families]
    took = time.perf_counter() - began_at
    return [100 * (b - a) / took for a, b in zip(before, after, strict=True)]
