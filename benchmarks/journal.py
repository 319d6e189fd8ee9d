"""What it costs the supervisor's loop to have things written down."""

from __future__ import annotations

import asyncio
import time

from agentd.journal.journal import FILE_NAME, Journal
from agentd.protocol.ids import JobId
from agentd.settings.model import JournalSettings

from .bench import Bench
from .figures import Figure, median, percentile, spread

JOB = JobId("AJ_bench")
EVENTS_A_ROUND = 50
ROUND = 0.01
"""Seconds; so 5,000 events a second, a hundred times what a crash loop makes."""


async def measure(bench: Bench) -> list[Figure]:
    """Record events at a steady rate while the writer writes them to a real disk."""
    costs: list[float] = []
    delays: list[float] = []
    path = bench.new_folder() / FILE_NAME
    rounds = bench.samples(1000, 100)
    loop = asyncio.get_running_loop()
    async with Journal.open(path, JournalSettings()) as journal:
        journal.record_job(JOB, "running")
        start = loop.time()
        for number in range(rounds):
            due = start + number * ROUND
            await asyncio.sleep(max(0.0, due - loop.time()))
            delays.append(1e3 * max(0.0, loop.time() - due))
            costs += _record(journal)
        rate = len(costs) / (loop.time() - start)
        written = await journal.flush()
    kept = "all on disk" if written else "NOT all on disk"
    return [
        Figure(
            name="journal: one event recorded, p50",
            unit="µs",
            ours=median(costs),
            aim=10.0,
            note=f"at {rate:.0f} events/s, {kept}; {spread(costs, 'µs')}",
        ),
        Figure(
            name="journal: the loop is late meanwhile, p99",
            unit="ms",
            ours=percentile(delays, 99),
            aim=20.0,
            note=f"p50 {median(delays):.2f} ms, n={len(delays)}",
        ),
    ]


def _record(journal: Journal) -> list[float]:
    """A round of events; microseconds for each."""
    costs: list[float] = []
    for number in range(EVENTS_A_ROUND):
        began = time.perf_counter()
        journal.record_event(
            "child_failed", "was ended by SIGKILL", job=JOB, fields={"number": number}
        )
        costs.append(1e6 * (time.perf_counter() - began))
    return costs
