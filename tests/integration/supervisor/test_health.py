"""Children that fall ill are found and replaced, and the report of each end says why."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from agentd.logs.record import EXCEPTION
from agentd.supervisor.heartbeat import Patience
from agentd.supervisor.memory import MemoryLimits
from agentd.supervisor.postmortem import PostMortem
from tests.support.changes import Changes
from tests.support.supervised import Plan, Script, Supervised, Watcher, supervised, with_spec

PATIENT = Patience(warn_after=5.0, replace_after=30.0, interval=0.2, idle_interval=0.2)
"""Longer than a busy machine keeps a child that is well from answering."""
WARNS = structs.replace(PATIENT, warn_after=0.3)
REPLACES = structs.replace(WARNS, replace_after=2.0)


class Ward:
    """A supervisor whose first child has some manner, and the reports that it made."""

    def __init__(self, parts: Supervised, changes: Changes) -> None:
        self.parts = parts
        self.reports: list[PostMortem] = []
        self.changes = changes
        parts.pool.roster.on_post_mortem = self._keep

    def _keep(self, record: PostMortem) -> None:
        self.reports.append(record)
        self.changes.note()

    async def job(self) -> tuple[Watcher, int]:
        """Have the child run a job; returns when that has begun, with the child's pid."""
        watcher = await self.parts.start_job()
        await watcher.running()
        assert watcher.child.pid is not None
        return watcher, watcher.child.pid

    async def five_pings(self) -> None:
        """Wait until the child has answered so many."""
        await self.changes.until(lambda: "five pings" in self.parts.sink.texts())

    async def report(self) -> PostMortem:
        """The first report."""
        return (await self.changes.until(lambda: self.reports))[0]


OpenWard = Callable[..., AbstractAsyncContextManager[Ward]]


@pytest.fixture
def ward(workdir: Path, changes: Changes) -> OpenWard:
    """Opens a ward; what is said beside the manner is changed in the children's spec."""

    @asynccontextmanager
    async def opened(manner: str, **spec: Patience | MemoryLimits | float) -> AsyncIterator[Ward]:
        plan = with_spec(Plan(directory=workdir), **{"patience": PATIENT, **spec})
        async with supervised(plan, changes, Script(plan, manner)) as parts:
            yield Ward(parts, changes)

    return opened


@pytest.mark.parametrize(("manner", "frame"), [("blocks", "in job"), ("spins", "in job")])
async def test_a_blocked_child_is_warned_about_then_replaced(
    ward: OpenWard, changes: Changes, manner: str, frame: str
) -> None:
    """Where it was stands in the warning and in the report; its job goes on elsewhere."""
    async with ward(manner, patience=REPLACES) as at:
        watcher, pid = await at.job()
        why = await watcher.lost()
        report = await at.report()
        (fresh,) = await at.parts.idle()

    (warning,) = changes.actions("child_blocked")
    (death,) = changes.actions("post_mortem")
    assert frame in warning.__dict__[EXCEPTION]
    assert (warning.__dict__["child_pid"], death.__dict__["child_pid"]) == (pid, pid)
    assert why == "the job's process was killed: its event loop was blocked for 2 s"
    assert (report.kind, report.job, report.room) == ("killed", "AJ_1", "kitchen")
    assert frame in report.stacks
    assert fresh.id != report.child


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("fails_and_stays", "prewarm raised ValueError: no model"),
        ("never_ready", "was not ready within 0.5 s"),
    ],
)
async def test_a_failed_prewarm_is_reported_with_its_error_and_not_with_our_kill(
    ward: OpenWard, changes: Changes, manner: str, reason: str
) -> None:
    """Nor is the kernel asked whether memory was short."""
    async with ward(manner, initialize_timeout=0.5) as at:
        report = await at.report()

    (line, *_) = changes.actions("post_mortem")
    assert (report.kind, report.text, report.signal) == ("boot_failed", reason, "")
    assert (report.oom.verdict, report.oom.kernel_kills) == ("", None)
    assert (line.__dict__["reason"], line.__dict__["signal"]) == (reason, None)


async def test_a_stopped_child_is_replaced_and_its_state_told(
    ward: OpenWard, changes: Changes
) -> None:
    """It can't show its stacks; the kernel says why."""
    async with ward("works", patience=REPLACES) as at:
        watcher, pid = await at.job()
        os.kill(pid, signal.SIGSTOP)
        await watcher.lost()
        report = await at.report()

    assert "T (stopped)" in changes.actions("child_blocked")[0].__dict__[EXCEPTION]
    assert "T (stopped)" in report.stacks


async def test_a_child_that_goes_on_in_time_keeps_its_job(ward: OpenWard, changes: Changes) -> None:
    """The log says for how long it had been away."""
    async with ward("blocks", patience=WARNS) as at:
        watcher, pid = await at.job()
        await changes.until(lambda: changes.actions("child_blocked"))
        os.kill(pid, signal.SIGUSR1)
        (line,) = await changes.until(lambda: changes.actions("child_unblocked"))

        assert watcher.losses == []
        assert at.reports == []

    assert line.__dict__["blocked_for"] >= WARNS.warn_after
    assert line.__dict__["job"] == "AJ_1"


async def test_a_warm_child_that_is_blocked_is_replaced(ward: OpenWard) -> None:
    """The next job must not find it."""
    async with ward("blocks_when_idle", patience=REPLACES) as at:
        (child,) = await at.parts.idle()
        report = await at.report()
        await at.changes.until(lambda: at.parts.children("idle") not in ([], [child]))

    assert report.text == "was killed: its event loop was blocked for 2 s"
    assert report.job == ""


async def test_a_healthy_child_is_left_alone(ward: OpenWard, changes: Changes) -> None:
    """It answers each ping, with a job and without."""
    async with ward("works") as at:
        watcher, _ = await at.job()
        await at.five_pings()

        assert watcher.losses == []
        assert at.reports == []

    assert changes.actions("child_blocked") == []


async def test_a_child_over_its_memory_limit_is_replaced(ward: OpenWard) -> None:
    """The report has the figures, and calls it what it is."""
    limits = MemoryLimits(warn_mb=50, limit_mb=150, interval=0.2)
    async with ward("eats_memory", memory=limits) as at:
        watcher, _ = await at.job()
        why = await watcher.lost()
        report = await at.report()

    assert why.startswith("the job's process was killed: memory limit: ")
    assert why.endswith(" MB, the limit is 150")
    assert report.oom.verdict == "limit"
    assert report.oom.memory_mb is not None
    assert report.oom.memory_mb > 150
    assert report.max_rss_mb is not None
    assert report.max_rss_mb > 150


async def test_a_child_that_uses_much_memory_is_warned_about_once(
    ward: OpenWard, changes: Changes
) -> None:
    """And goes on with its job."""
    limits = MemoryLimits(warn_mb=150, limit_mb=0, interval=0.05)
    async with ward("eats_memory", memory=limits) as at:
        watcher, _ = await at.job()
        await changes.until(lambda: changes.actions("child_memory"))
        await at.five_pings()

        assert watcher.losses == []

    assert len(changes.actions("child_memory")) == 1


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV")]
)
async def test_a_signal_from_outside_is_reported(
    ward: OpenWard, number: signal.Signals, name: str
) -> None:
    """With what it had last been told and what it had used; nobody blames its memory."""
    async with ward("works") as at:
        watcher, pid = await at.job()
        os.kill(pid, number)
        await watcher.lost()
        report = await at.report()

    assert (report.kind, report.signal, report.code) == ("signalled", name, None)
    assert (report.pid, report.job, report.oom.verdict) == (pid, "AJ_1", "")
    assert [frame.name for frame in report.frames] == ["Hello", "Ready", "StartJob", "JobStarted"]
    assert report.frames[-1].seconds_before >= 0
    assert report.max_rss_mb is not None
    # Megabytes: a child begins with the pages of the process that it is forked from, here pytest.
    assert 5 < report.max_rss_mb < 5000
    assert report.cpu_seconds is not None
    assert report.cpu_seconds > 0
    assert report.lived > 0


async def test_an_exit_amid_a_job_is_reported_with_its_last_words(
    ward: OpenWard, changes: Changes
) -> None:
    """In one line of the log, too."""
    async with ward("exits_3_in_job") as at:
        await at.job()
        report = await at.report()

    (line,) = changes.actions("post_mortem")
    assert (report.kind, report.code, report.signal) == ("crashed", 3, "")
    assert report.lines == ("no more memory for me",)
    assert line.__dict__["reason"] == "exited with code 3"
    assert line.__dict__["last_line"] == "no more memory for me"


async def test_an_end_in_order_has_no_report(ward: OpenWard, changes: Changes) -> None:
    """Nobody needs to know."""
    async with ward("good") as at:
        watcher, _ = await at.job()
        await watcher.outcome()
        await at.parts.gone(watcher.child)

    assert at.reports == []
    assert changes.actions("post_mortem") == []
