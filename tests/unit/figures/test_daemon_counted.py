"""What the daemon's own parts count: ends of children, journal, loop, logs."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from agentd.daemon.loopwatch import LoopWatch
from agentd.figures import here
from agentd.figures.families import (
    JOURNAL_ERRORS,
    JOURNAL_WRITE,
    LOGS_DROPPED,
    LOOP_LAG,
    METRICS_DROPPED,
)
from agentd.figures.family import Family
from agentd.journal.fallback import FallbackStore
from agentd.journal.journal import Journal
from agentd.logs.handlers import BackgroundHandler
from agentd.protocol.frames import ChildConfig, Count, Counted
from agentd.settings.model import JournalSettings, PoolSettings
from agentd.supervisor.child import Child, ChildSpec
from agentd.supervisor.exit import ExitKind, ExitReason
from agentd.supervisor.health import Chart, Patient
from agentd.supervisor.memory import MemoryLimits
from agentd.supervisor.oom import OomVerdict
from agentd.supervisor.output import RecordSink
from agentd.supervisor.pool import Pool
from agentd.supervisor.process import Reaper
from agentd.supervisor.roster import why_ended
from agentd.testing.virtual_time import run_virtual
from tests.support.journal_records import events

SPEC = ChildSpec(
    config=ChildConfig(), initialize_timeout=1.0, exit_timeout=1.0, job_shutdown_timeout=1.0
)


def counted(family: Family) -> dict[tuple[str, ...], float]:
    """A counter's sums that are not 0."""
    return {labels: amount for labels, amount in here.counts(family).items() if amount}


def number(family: Family) -> int:
    """How often something without labels was measured."""
    [(_, counts, _)] = here.bins(family)
    return counts[-1]


@pytest.mark.parametrize(
    ("kind", "verdict", "mark", "why"),
    [
        ("normal", "", "", "normal"),
        ("shutdown", "", "", "shutdown"),
        ("crashed", "", "", "exit"),
        ("signalled", "", "", "signal"),
        ("signalled", "kernel", "", "oom"),
        ("signalled", "likely", "", "oom"),
        ("killed", "limit", "", "memory"),
        ("shutdown", "", "over_limit", "memory"),
        ("killed", "", "replaced", "heartbeat"),
        ("killed", "", "", "killed"),
        ("boot_failed", "", "", "boot_failed"),
        ("unknown", "", "", "unknown"),
    ],
)
def test_the_end_of_a_child_has_one_reason(
    kind: ExitKind, verdict: OomVerdict, mark: str, why: str
) -> None:
    """The one that tells what to do."""
    chart = Chart(cast("Patient", None), MemoryLimits(warn_mb=0, limit_mb=0))
    if mark:
        setattr(chart, mark, True)

    assert why_ended(ExitReason(kind=kind, text=""), chart, verdict) == why


def test_writes_of_the_journal_are_measured_and_failures_counted(tmp_path: Path) -> None:
    """By the thread that does them."""

    async def write() -> None:
        async with Journal.open(tmp_path / "journal.db", JournalSettings()) as journal:
            journal.record_event("something")
            assert await journal.flush()

    asyncio.run(write())
    assert number(JOURNAL_WRITE) >= 1

    store = FallbackStore(tmp_path, lambda: 1.0)  # a folder is no file
    store.try_disk()
    store.write(events(1))
    store.close()
    assert counted(JOURNAL_ERRORS) == {(): 1.0}


def test_the_lag_of_the_loop_is_measured_with_each_beat() -> None:
    """Twice a second."""

    async def run() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(5.2):
                await LoopWatch(0).run()

    run_virtual(run())

    assert number(LOOP_LAG) == 10


def test_lines_that_were_dropped_are_counted() -> None:
    """When the output moves again."""
    moves, writing, written = threading.Event(), threading.Event(), threading.Event()

    def write(line: str) -> None:
        writing.set()
        moves.wait(10)
        if line == "3":
            written.set()

    handler = BackgroundHandler(logging.LogRecord.getMessage, write, capacity=2)
    line = [logging.makeLogRecord({"msg": str(number)}) for number in range(9)]
    handler.emit(line[1])
    assert writing.wait(10)
    for number in (2, 3, 4, 5, 6):  # the first two of them wait, and the others find no room
        handler.emit(line[number])
    assert counted(LOGS_DROPPED) == {}

    moves.set()
    assert written.wait(10)
    handler.emit(line[7])
    handler.close()

    assert counted(LOGS_DROPPED) == {("supervisor",): 3.0}


def test_figures_that_make_no_sense_are_counted_and_those_that_came_late() -> None:
    """A child's word is not trusted."""

    async def tell() -> None:
        pool = Pool(PoolSettings(max_jobs=1), SPEC, Reaper(), cast("RecordSink", None))
        nonsense = Count(name="made_up", labels={}, amount=1)
        pool.child_told(cast("Child", None), Counted(counts=[nonsense, nonsense], dropped=3))

    asyncio.run(tell())

    assert counted(METRICS_DROPPED) == {("refused",): 2.0, ("full",): 3.0}
