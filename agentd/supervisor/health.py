"""Watches over the children: heartbeats and memory, with one timer for them all.

The timer runs only while there is a child to ask, and its beats are the same for all of
them: a daemon with idle children wakes up every ten seconds, one with jobs every second.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from typing import Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.figures import observe
from agentd.figures.families import CHILD_ANSWER
from agentd.logs.record import EXCEPTION
from agentd.protocol.frames import LogValue
from agentd.protocol.ids import ChildId

from .heartbeat import GAP, Patience, Pulse, decide_interval, next_beat
from .memory import MemoryLimits, MemoryTrack
from .procfs import Memory, process_memory
from .stacks import Stacks

logger = logging.getLogger("agentd.supervisor")

SETTLE = 0.02
"""Seconds before a silent child is blamed: its pong may be in our socket, still unread."""


class Patient(Protocol):
    """A child, as far as its health is concerned."""

    @property
    def id(self) -> ChildId: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def state(self) -> str: ...

    @property
    def has_job(self) -> bool:
        """Whether it has a job whose end it has not reported."""
        ...

    def send_ping(self, seq: int) -> None: ...

    async def take_stacks(self) -> Stacks: ...

    def kill(self, why: str) -> None: ...

    def fields(self) -> dict[str, LogValue]:
        """Whose a log line about it is."""
        ...


class Chart:
    """What is known of one child's health."""

    def __init__(self, child: Patient, limits: MemoryLimits) -> None:
        self.child = child
        self.pulse: Pulse | None = None
        self.memory = MemoryTrack(limits)
        self.over_limit = False
        """It was killed for its memory."""
        self.replaced = False
        """It was killed since it did not answer."""
        self.stacks = ""
        """Where it was when it stopped answering; empty again when it answers."""
        self.warned = False
        self.blocked_for: float | None = None
        """It has answered again while the warning was being written."""


class Health:
    """Asks children whether they live, and ends those that do not or that grow too large."""

    def __init__(
        self,
        patience: Patience,
        limits: MemoryLimits,
        children: Callable[[], Iterable[Patient]],
        *,
        measure: Callable[[int], Memory | None] = process_memory,
    ) -> None:
        self._patience = patience
        self._limits = limits
        self._children = children
        self._measure = measure
        self._charts: dict[ChildId, Chart] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = math.inf
        self._sample_at = math.inf
        self._tasks = TaskOwner("health")

    def settle(self, patience: Patience, limits: MemoryLimits) -> None:
        """These count from now on, for children that are not yet watched."""
        self._patience = patience
        self._limits = limits

    def look(self) -> None:
        """Something has changed about some child: ask those that should be asked."""
        at = now()
        for child in self._children():
            self._follow(child, at)
        self._arm()

    def handle_pong(self, child: Patient, seq: int) -> None:
        """A child has answered."""
        chart = self._charts.get(child.id)
        if chart is None or chart.pulse is None:
            return
        asked_at = chart.pulse.asked_at if seq == chart.pulse.seq else None
        if asked_at is not None and chart.child.has_job:
            observe(CHILD_ANSWER, now() - asked_at)
        blocked_for = chart.pulse.pong(seq, now())
        if blocked_for is not None:
            chart.blocked_for = blocked_for
            chart.stacks = ""
            self._tell_recovery(chart)
        if chart.pulse.due_at < self._due_at:
            self._arm()

    def memory_mb(self, child_id: ChildId) -> float | None:
        """The latest sample of a child's private memory; None where there is none."""
        chart = self._charts.get(child_id)
        return None if chart is None else chart.memory.last_mb

    def discharge(self, child_id: ChildId) -> Chart | None:
        """A child is gone: what was known of it, and no more of it."""
        chart = self._charts.pop(child_id, None)
        self._arm()
        return chart

    async def aclose(self) -> None:
        """Ask no more. May be repeated."""
        self._charts.clear()
        self._arm()
        await self._tasks.aclose()

    # -- the timer -------------------------------------------------------------------

    def _follow(self, child: Patient, at: float) -> None:
        interval = decide_interval(child.state, has_job=child.has_job, patience=self._patience)
        chart = self._charts.get(child.id)
        if interval is None:
            if chart is not None:
                chart.pulse = None
            return
        if chart is None:
            chart = self._charts[child.id] = Chart(child, self._limits)
        if chart.pulse is None:
            chart.pulse = Pulse(self._patience, interval, at)
        else:
            chart.pulse.set_interval(interval, at)

    def _arm(self) -> None:
        """Set the timer to the next moment at which there is something to do; none if never."""
        dues = [chart.pulse.due_at for chart in self._charts.values() if chart.pulse is not None]
        if not any(chart.child.has_job for chart in self._charts.values()):
            self._sample_at = math.inf
        elif self._sample_at == math.inf:
            self._sample_at = next_beat(now(), self._limits.interval)
        due_at = min([*dues, self._sample_at])
        if due_at == self._due_at and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_at = due_at
        if due_at < math.inf:
            self._timer = asyncio.get_running_loop().call_at(due_at, self._beat)

    def _beat(self) -> None:
        at = max(now(), self._due_at)  # uvloop's timers may be early by the half of a millisecond
        self._timer = None
        if at - self._due_at > GAP:
            self._begin_afresh(at)
        for chart in list(self._charts.values()):
            if chart.pulse is not None:
                self._attend(chart, chart.pulse, at)
        if at >= self._sample_at:
            self._sample_at = next_beat(at, self._limits.interval)
            self._sample_memory()
        self._arm()

    def _begin_afresh(self, at: float) -> None:
        """It was we who were away: stopped by a signal, or blocked."""
        logger.info(
            "the supervisor was away; its children are given their time anew",
            extra={"action": "heartbeats_afresh", "seconds": round(at - self._due_at, 3)},
        )
        for chart in self._charts.values():
            if chart.pulse is not None:
                chart.pulse.begin_afresh(at)

    # -- heartbeats ------------------------------------------------------------------

    def _attend(self, chart: Chart, pulse: Pulse, at: float) -> None:
        match pulse.judge(at):
            case "wait":
                return
            case "ping":
                chart.child.send_ping(pulse.seq)
            case "warn":
                self._tasks.start(self._warn(chart, pulse), name=f"warn {chart.child.id}")
            case "replace":
                self._tasks.start(self._replace(chart, pulse), name=f"replace {chart.child.id}")

    async def _warn(self, chart: Chart, pulse: Pulse) -> None:
        chart.blocked_for = None
        await asyncio.sleep(SETTLE)
        if not pulse.is_silent():
            return
        stacks = await chart.child.take_stacks()
        what_next = self._patience.replace_after
        logger.warning(
            "a child's event loop is blocked",
            extra={
                "action": "child_blocked",
                "reason": f"no answer for {self._patience.warn_after:g} s",
                "next": f"it is replaced after {what_next:g} s" if what_next else "nothing",
                EXCEPTION: str(stacks),
                **chart.child.fields(),
            },
        )
        chart.warned = True
        if pulse.is_silent():
            chart.stacks = str(stacks)
        self._tell_recovery(chart)

    def _tell_recovery(self, chart: Chart) -> None:
        """After the warning, and only if there was one: the stacks may still be on their way."""
        if chart.blocked_for is None or not chart.warned:
            return
        logger.info(
            "a child's event loop goes on",
            extra={
                "action": "child_unblocked",
                "blocked_for": round(chart.blocked_for, 3),
                **chart.child.fields(),
            },
        )
        chart.warned = False
        chart.blocked_for = None

    async def _replace(self, chart: Chart, pulse: Pulse) -> None:
        await asyncio.sleep(SETTLE)
        if not pulse.is_silent():
            return
        stacks = str(await chart.child.take_stacks())
        if not pulse.is_silent() or chart.pulse is not pulse:
            return  # it answers after all and has said so, or it is on its way out
        chart.stacks = stacks
        chart.replaced = True
        chart.child.kill(f"its event loop was blocked for {self._patience.replace_after:g} s")

    # -- memory ----------------------------------------------------------------------

    def _sample_memory(self) -> None:
        for chart in self._charts.values():
            pid = chart.child.pid
            memory = self._measure(pid) if pid is not None and chart.child.has_job else None
            if memory is not None:
                self._judge_memory(chart, round(memory.private_mb, 1))

    def _judge_memory(self, chart: Chart, used_mb: float) -> None:
        match chart.memory.judge(used_mb):
            case "fine":
                return
            case "warn":
                logger.warning(
                    "a child uses much memory",
                    extra={
                        "action": "child_memory",
                        "memory_mb": used_mb,
                        "reason": f"more than {self._limits.warn_mb} MB (job_memory_warn_mb)",
                        "next": self._next_for_memory(),
                        **chart.child.fields(),
                    },
                )
            case "too_much":
                chart.over_limit = True
                chart.child.kill(
                    f"memory limit: {used_mb:.0f} MB, the limit is {self._limits.limit_mb}"
                )

    def _next_for_memory(self) -> str:
        limit = self._limits.limit_mb
        return f"it is replaced over {limit} MB" if limit else "nothing, there is no limit"
