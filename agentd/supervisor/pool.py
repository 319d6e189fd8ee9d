"""Keeps warm children ready and hands them to offers.

Everything here happens on an event: a child becomes ready, is taken, dies, an offer
comes or goes, a backoff ends. After each, `refill` looks at the whole and starts what
is missing; nothing looks at it in between.
"""

from __future__ import annotations

from collections.abc import Callable

from agentd.errors import ChildError
from agentd.figures import count, here
from agentd.figures.families import METRICS_DROPPED
from agentd.protocol.frames import CircuitReport, Counted
from agentd.protocol.ids import ChildId, JobId
from agentd.settings.model import PoolSettings

from .child import Child, ChildSpec
from .circuits import SharedCircuits
from .demand import Demand, decide_starts
from .exit import ExitReason
from .launching import Launching
from .output import RecordSink
from .process import Reaper
from .roster import Roster
from .snapshot import ChildView, PoolView
from .template import Launcher
from .waiting import WaitingJobs

TAKES_JOBS = ("starting", "prewarming", "idle", "reserved")
"""States of a child that may yet be given one."""

USABLE = ("idle", "reserved", "running")
"""States in which a child takes frames that it does not wait for; it does so until its end."""


class Pool:
    """Decides who is started and who gets a job. Needs a launcher before it starts any."""

    def __init__(
        self, settings: PoolSettings, spec: ChildSpec, reaper: Reaper, sink: RecordSink
    ) -> None:
        self._settings = settings
        self.roster = Roster(settings.max_jobs, spec, reaper, sink, self)
        """The children, in their seats."""
        self._greeted: dict[ChildId, Child] = {}
        self.circuits = SharedCircuits(self._greeted.values)
        """What the children have learnt of services that fail."""
        self._launching = Launching(settings)
        self._waiting = WaitingJobs()
        self._draining = False
        self._closing = False
        self._beside = 0  # jobs that wait for a child beside the one that they have
        self.on_new_code: Callable[[], None] = _tell_nobody
        """Called once no offer gets a child of an earlier launcher any more."""
        self._subscribers: list[Callable[[], None]] = []

    def settle(self, settings: PoolSettings, spec: ChildSpec) -> None:
        """These settings count from now on, before any child was started: the app is known.

        Children that were adopted before keep the budgets that they have.
        """
        self._settings = settings
        self.roster.settle(settings.max_jobs, spec)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have something called after each change of what `view` shows."""
        self._subscribers.append(callback)

    # -- views -----------------------------------------------------------------------

    @property
    def children(self) -> list[Child]:
        return self.roster.children

    @property
    def busy(self) -> int:
        """Slots that a job has, was promised, or waits for."""
        # A job that is moved onto new code has two children, or one and a place in the queue.
        promised = {child.job_id for child in self.children if child.job_id is not None}
        return len(promised.union(self._waiting.jobs))

    @property
    def capacity(self) -> int:
        return self._settings.max_jobs

    @property
    def idle(self) -> int:
        """Warm children that wait for a job, of old code too."""
        return sum(child.state == "idle" for child in self.children)

    def is_outdated(self, child: Child) -> bool:
        """Whether its code is older than what new jobs get."""
        return child.generation < self._launching.in_service

    def view(self) -> PoolView:
        """The pool at this moment."""
        demand = self._demand()
        return PoolView(
            slots=self.capacity,
            children=[_view(child) for child in self.children],
            idle=demand.idle,
            starting=demand.starting,
            busy=self.busy,
            waiting=demand.waiting,
            idle_target=self._settings.num_idle_processes,
            start_method=self._launching.method,
            failures=self._launching.backoff.failures,
            last_error=self._launching.last_error,
            failing=self.failing,
        )

    @property
    def failing(self) -> str:
        """Why no child can be expected to become warm; empty when one can."""
        return self._launching.obstacle or self._launching.failing

    # -- where children come from ------------------------------------------------------

    def use_launcher(self, launcher: Launcher | None, method: str) -> None:
        """Start children this way from now on; None while there is no way.

        Children of the launcher before serve until the first new one is warm, so that there is
        never a moment without; then they are retired.
        """
        self._launching.launcher = launcher
        self._launching.method = method
        if launcher is not None:
            self._launching.next_generation()
            if not any(child.state in TAKES_JOBS for child in self.children):
                self._put_in_service()
        self.refill()

    def _put_in_service(self) -> None:
        """From this moment on no offer gets a child of an earlier launcher."""
        self._launching.in_service = self._launching.generation
        for child in self.children:
            if child.state == "idle":
                self._retire_if_outdated(child)
        self.on_new_code()

    def _retire_if_outdated(self, child: Child) -> None:
        if self.is_outdated(child):
            child.shutdown("its code is out of date")

    def note_obstacle(self, why: str) -> None:
        """Why there is no way to start children and none to come soon; empty: there is again."""
        self._launching.obstacle = why
        self._changed()

    def refill(self) -> None:
        """Start the children that are missing, if any and if it may be tried now."""
        if self._closing or self._launching.launcher is None or self._launching.paused:
            return
        demand = self._demand()
        if demand.idle:
            self._launching.note_health(self._note_recovery)
        self._make_room(demand)
        for _ in range(decide_starts(demand)):
            self.roster.start(self._launching.launcher, self._launching.generation)

    def _note_recovery(self) -> None:
        self._changed()
        self.refill()

    def _demand(self) -> Demand:
        children = self.children
        return Demand(
            idle=sum(c.state == "idle" and self._is_current(c) for c in children),
            # Not those of old code: the new one need not wait for a prewarm that hangs.
            starting=sum(
                c.state in ("starting", "prewarming") and self._is_current(c) for c in children
            ),
            free_slots=self.roster.free_seats,
            waiting=len(self._waiting),
            # While they fail one child is tried at a time, and must stay warm before the next.
            idle_target=self._idle_target(),
            max_starting=1 if self._launching.failing else self._settings.max_starting,
        )

    def _idle_target(self) -> int:
        if self._draining:
            return 0
        if self._launching.failing:
            return 1
        if self._launching.in_service < self._launching.generation:
            # The old code serves until a child of the new is warm, also where none is wanted.
            return max(1, self._settings.num_idle_processes)
        return self._settings.num_idle_processes

    def _make_room(self, demand: Demand) -> None:
        """With all slots taken, a warm child of old code gives its seat to one of new code."""
        if demand.free_slots or demand.starting or demand.idle:
            return
        for child in self.children:
            if child.state == "idle" and not self._is_current(child):
                child.shutdown("its code is out of date")
                return

    def _is_current(self, child: Child) -> bool:
        return child.generation == self._launching.generation

    # -- what the children say ---------------------------------------------------------

    def child_answered(self, child: Child, seq: int) -> None:
        self.roster.health.handle_pong(child, seq)

    def child_told(self, child: Child, frame: CircuitReport | Counted) -> None:
        if isinstance(frame, CircuitReport):
            self.circuits.handle(child, frame)
        else:
            _take_over(frame)

    def child_changed(self, child: Child) -> None:
        """A child has moved on in life."""
        self.roster.health.look()
        self._share_circuits(child)
        if child.state == "gone":
            return  # looked at when its seat is free, and a pause after its failure has begun
        if child.state == "idle":
            self._note_warm(child)
        self._changed()
        self.refill()

    def _share_circuits(self, child: Child) -> None:
        if child.state == "gone":
            self._greeted.pop(child.id, None)
            self.circuits.forget(child)
        elif child.state in USABLE and child.id not in self._greeted:
            self._greeted[child.id] = child
            self.circuits.greet(child)

    def _note_warm(self, child: Child) -> None:
        if self._is_current(child) and self._launching.in_service < child.generation:
            self._put_in_service()
        self._retire_if_outdated(child)
        if child.state == "idle":
            self._waiting.serve(child)
        self._retire_unneeded()

    def _retire_unneeded(self) -> None:
        if self._draining:
            for child in self.children:
                if child.state == "idle":
                    child.shutdown("the daemon is stopping")

    def child_failed(self, child: Child, reason: ExitReason) -> float:
        """A child ended as it should not have; returns how long no other one is started."""
        if child.job_id is None and self._is_current(child):
            return self._launching.pause_after_failure(reason.text, self.refill)
        return 0.0

    def seat_freed(self) -> None:
        """A child is gone, reaped and all."""
        self._changed()
        self.refill()

    # -- offers ----------------------------------------------------------------------

    async def reserve_beside(self, job_id: JobId, deadline_at: float) -> Child:
        """A warm child for a job that has one, also where all slots are taken; see `reserve`."""
        self._beside += 1
        self.roster.add_seat()
        try:
            return await self.reserve(job_id, deadline_at)
        finally:
            self._beside -= 1
            if not self._beside:
                self.roster.drop_empty_seats()

    async def reserve(self, job_id: JobId, deadline_at: float, *, urgent: bool = False) -> Child:
        """A warm child for a job, now or when there is one; ChildError after the deadline.

        `urgent`: before all that wait already, for a job that has been running.
        """
        child = next((child for child in self.children if child.state == "idle"), None)
        if child is not None:
            child.reserve(job_id)
            return child
        place = self._waiting.join(job_id, urgent=urgent)
        self.refill()
        try:
            return await self._waiting.child_for(place, deadline_at)
        except BaseException as error:
            self._changed()
            if isinstance(error, TimeoutError):
                raise ChildError(self._why_none()) from None
            raise

    def _why_none(self) -> str:
        if self._launching.last_error:
            return f"no warm child in time; the last one failed: {self._launching.last_error}"
        if self._launching.launcher is None:
            return "no warm child in time: there is no template"
        return "no warm child in time"

    def _changed(self) -> None:
        for callback in self._subscribers:
            callback()

    # -- the end ---------------------------------------------------------------------

    def close_to_jobs(self, reason: str) -> None:
        """Keep no warm children any more; one is started only for a job that must go on."""
        self._draining = True
        for child in self.children:
            if child.job_id is None:
                child.shutdown(reason)

    def open_to_jobs(self) -> None:
        """Keep warm children again: what closed the pool was taken back."""
        self._draining = False
        self.refill()

    def shutdown_jobs(self, reason: str) -> None:
        """Ask every running job to end within its budget; start nothing any more."""
        self._closing = True
        for child in self.children:
            child.shutdown(reason)

    async def wait_empty(self) -> None:
        """Wait until the last child is reaped; the callers' budgets bound it."""
        await self.roster.wait_empty()

    def kill(self, reason: str) -> None:
        """End every child at once."""
        for child in self.children:
            child.kill(reason)

    async def aclose(self, reason: str, *, spare_jobs: bool = False) -> None:
        """Kill what still lives and reap it. May be repeated.

        `spare_jobs`: let go of children with a job, for a daemon after this one to adopt.
        """
        self._closing = True
        self.circuits.close()
        self._launching.stop()
        await self.roster.aclose(reason, spare_jobs=spare_jobs)


def _take_over(frame: Counted) -> None:
    if refused := here.merge(frame.counts, frame.spreads):
        count(METRICS_DROPPED, refused, why="refused")
    if frame.dropped > 0:
        count(METRICS_DROPPED, frame.dropped, why="full")


def _tell_nobody() -> None:
    return


def _view(child: Child) -> ChildView:
    return ChildView(
        id=child.id,
        slot=child.slot,
        state=child.state,
        pid=child.pid,
        job_id=child.job_id,
        generation=child.generation,
    )
