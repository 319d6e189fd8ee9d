"""The slots: keeps warm children ready and hands them to offers.

Everything here happens on an event: a child becomes ready, is taken, dies, an offer
comes or goes, a backoff ends. After each, `refill` looks at the whole and starts what
is missing; nothing looks at it in between.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import ChildError
from agentd.ipc.listener import ChildStream, Peer
from agentd.protocol.frames import Hello
from agentd.protocol.ids import ChildId, JobId, SlotId
from agentd.settings.model import PoolSettings

from .autopsy import Autopsies, OnPostMortem, ignore
from .child import ADOPTED, Child, ChildSpec
from .demand import Demand, decide_starts
from .exit import ExitReason
from .health import Chart, Health
from .launching import Launching
from .output import RecordSink
from .postmortem import PostMortem
from .process import Reaper
from .slot import Slot
from .snapshot import ChildView, PoolView
from .template import Launcher

logger = logging.getLogger("agentd.supervisor")

CLOSE_MARGIN = 10.0

HOLDING = ("running", "adopting")
"""States of a child that has a job."""

TAKES_JOBS = ("starting", "prewarming", "idle", "reserved")
"""States of a child that may yet be given one."""


class Pool:
    """Slots with children in them. Needs a launcher before it starts any."""

    def __init__(
        self, settings: PoolSettings, spec: ChildSpec, reaper: Reaper, sink: RecordSink
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._spec = spec
        self._reaper = reaper
        self._slots = [Slot(SlotId(number)) for number in range(settings.max_jobs)]
        self._launching = Launching(settings)
        self._waiting: deque[tuple[JobId, asyncio.Future[Child]]] = deque()
        self._tasks = TaskOwner("pool")
        self._numbers = itertools.count(1)
        self._draining = False
        self._closing = False
        self._killing = False
        self._health = Health(spec.patience, spec.memory, lambda: self.children)
        self._autopsies = Autopsies(spec.memory.limit_mb, self._hand_on)
        self.on_post_mortem: OnPostMortem = ignore
        """Gets the report of each child that ended as it should not have."""
        self.on_new_code: Callable[[], None] = _tell_nobody
        """Called once no offer gets a child of an earlier launcher any more."""
        self._subscribers: list[Callable[[], None]] = []
        self.on_return: Callable[[Hello, Peer], bool] = _turn_away
        """Asked about a child of an earlier daemon that nobody expects; adopts it and says
        True, or leaves it alone."""

    def settle(self, settings: PoolSettings, spec: ChildSpec) -> None:
        """These settings count from now on, before any child was started: the app is known.

        Children that were adopted before keep the budgets that they have.
        """
        self._settings = settings
        self._spec = spec
        self._health.settle(spec.patience, spec.memory)
        self._autopsies.limit_mb = spec.memory.limit_mb
        numbers = {slot.number for slot in self._slots}
        new = (SlotId(number) for number in range(settings.max_jobs) if number not in numbers)
        self._slots.extend(Slot(number) for number in new)
        for slot in [slot for slot in self._slots if slot.number >= settings.max_jobs]:
            if slot.child is None:
                self._slots.remove(slot)
        self._slots.sort(key=lambda slot: slot.number)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have something called after each change of what `view` shows."""
        self._subscribers.append(callback)

    # -- views -----------------------------------------------------------------------

    @property
    def children(self) -> list[Child]:
        return [slot.child for slot in self._slots if slot.child is not None]

    @property
    def busy(self) -> int:
        """Slots that a job has, was promised, or waits for."""
        taken = sum(child.job_id is not None for child in self.children)
        return taken + len(self._waiting)

    @property
    def capacity(self) -> int:
        return self._settings.max_jobs

    @property
    def idle(self) -> int:
        """Warm children that wait for a job, of old code too."""
        return sum(child.state == "idle" for child in self.children)

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
        if child.generation < self._launching.in_service:
            child.shutdown("its code is out of date")

    def note_obstacle(self, why: str) -> None:
        """Why there is no way to start children and none to come soon; empty: there is again."""
        self._launching.obstacle = why
        self._changed()

    def handle_hello(self, hello: Hello, peer: Peer, stream: ChildStream) -> None:
        """A process says it is one of our children.

        One that comes back is known by its pid: its name it has from another daemon.
        """
        child = self._returning(peer.pid) if hello.job_id else self._named(hello.child_id)
        if child is None and hello.job_id and self.on_return(hello, peer):
            child = self._returning(peer.pid)
        if child is not None:
            child.handle_hello(hello, peer, stream)
            return
        logger.warning(
            "unknown child turned away; it will exit",
            extra={"action": "unknown_child", "child": hello.child_id, "peer_pid": peer.pid},
        )
        stream.close()

    def _named(self, child_id: ChildId) -> Child | None:
        return next((child for child in self.children if child.id == child_id), None)

    def _returning(self, pid: int) -> Child | None:
        adopting = (child for child in self.children if child.generation == ADOPTED)
        return next((child for child in adopting if child.pid == pid), None)

    def refill(self) -> None:
        """Start the children that are missing, if any and if it may be tried now."""
        if self._closing or self._launching.launcher is None or self._launching.paused:
            return
        demand = self._demand()
        if demand.idle:
            self._launching.note_health(self._note_recovery)
        self._make_room(demand)
        free = [slot for slot in self._slots if slot.child is None]
        for slot in free[: decide_starts(demand)]:
            self._start_child(slot, self._launching.launcher)

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
            free_slots=sum(slot.child is None for slot in self._slots),
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

    # -- a child's life ------------------------------------------------------------------

    def _start_child(self, slot: Slot, launcher: Launcher) -> None:
        child_id = self._new_id()
        child = Child(child_id, slot.number, self._spec, self, self._sink)
        child.generation = self._launching.generation
        slot.seat(child)
        life = child.run(launcher, self._reaper)
        self._tasks.start(self._run_child(slot, child, life), name=child_id)

    def adopt(self, child_id: ChildId, pid: int) -> Child:
        """Take over a process with a job that an earlier daemon has made.

        It gets a seat also where all are taken: there it is one too many until it ends.
        """
        if self._named(child_id) is not None:
            child_id = self._new_id()
        self._skip_number(child_id)
        slot = next((slot for slot in self._slots if slot.child is None), None)
        if slot is None:
            slot = Slot(SlotId(self._slots[-1].number + 1))
            self._slots.append(slot)
        child = Child(child_id, slot.number, self._spec, self, self._sink)
        child.take_process(self._reaper.watch(pid))
        slot.seat(child)
        self._tasks.start(self._run_child(slot, child, child.run_adopted()), name=child_id)
        return child

    def _new_id(self) -> ChildId:
        return ChildId(f"c{next(self._numbers)}")

    def _skip_number(self, child_id: ChildId) -> None:
        """Give no child of ours the id of one that is adopted."""
        digits = child_id.removeprefix("c")
        if digits.isdigit():
            self._numbers = itertools.count(max(next(self._numbers), int(digits) + 1))

    async def _run_child(
        self, slot: Slot, child: Child, life: Coroutine[Any, Any, ExitReason]
    ) -> None:
        was_current = self._is_current(child)
        reason = await life
        slot.vacate(reason)
        chart = self._health.discharge(child.id)
        if slot.number >= self.capacity:
            self._slots.remove(slot)
        # A warm child that ends unasked is no good, with whatever exit code.
        left = reason.kind == "normal" and child.job_id is None
        if (reason.abnormal or left) and not (self._killing and child.job_id is None):
            self._note_failure(child, reason, was_current=was_current)
            self._examine(child, reason, chart)
        else:
            logger.debug("child ended", extra=_report(child, reason, "child_ended"))
        self._changed()
        self.refill()

    def _note_failure(self, child: Child, reason: ExitReason, *, was_current: bool) -> None:
        delay = 0.0
        if was_current and child.job_id is None and self._is_current(child):
            delay = self._launching.pause_after_failure(reason.text, self.refill)
        logger.error(
            "child failed",
            extra={**_report(child, reason, "child_failed"), "next_start_in": round(delay, 3)},
        )

    def _examine(self, child: Child, reason: ExitReason, chart: Chart | None) -> None:
        self._autopsies.hold(child.deceased(), reason, child.recorder, child.usage, chart)

    def _hand_on(self, record: PostMortem) -> None:
        self.on_post_mortem(record)

    def child_answered(self, child: Child, seq: int) -> None:
        """A child has answered a ping (the children call this)."""
        self._health.handle_pong(child, seq)

    def child_changed(self, child: Child) -> None:
        """A child has moved on in life (the children call this)."""
        self._health.look()
        if child.state == "gone":
            return  # looked at when its seat is free, and a pause after its failure has begun
        if child.state == "idle":
            self._note_warm(child)
        self._changed()
        self.refill()

    def _note_warm(self, child: Child) -> None:
        if self._is_current(child) and self._launching.in_service < child.generation:
            self._put_in_service()
        self._retire_if_outdated(child)
        if child.state == "idle":
            self._hand_out(child)
        self._retire_unneeded()

    def _retire_unneeded(self) -> None:
        if self._draining:
            for child in self.children:
                if child.state == "idle":
                    child.shutdown("the daemon is stopping")

    def _hand_out(self, child: Child) -> None:
        while self._waiting:
            job_id, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(child)
                child.reserve(job_id)
                return

    # -- offers ----------------------------------------------------------------------

    async def reserve(self, job_id: JobId, deadline_at: float, *, urgent: bool = False) -> Child:
        """A warm child for a job, now or when there is one; ChildError after the deadline.

        `urgent`: before all that wait already, for a job that has been running.
        """
        child = next((child for child in self.children if child.state == "idle"), None)
        if child is not None:
            child.reserve(job_id)
            return child
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        entry = (job_id, waiter)
        if urgent:
            self._waiting.appendleft(entry)
        else:
            self._waiting.append(entry)
        self.refill()
        try:
            return await within(deadline_at, waiter)
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():  # it came in the very moment of the end
                waiter.result().release("nobody waits for it any more")
            if isinstance(error, TimeoutError):
                raise ChildError(self._why_none()) from None
            raise
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
            if waiter.cancelled():
                self._changed()

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

    def shutdown_jobs(self, reason: str) -> None:
        """Ask every running job to end within its budget; start nothing any more."""
        self._closing = True
        for child in self.children:
            child.shutdown(reason)

    async def wait_empty(self) -> None:
        """Wait until the last child is reaped; the callers' budgets bound it."""
        await self._tasks.wait()

    def kill(self, reason: str) -> None:
        """End every child at once."""
        for child in self.children:
            child.kill(reason)

    async def aclose(self, reason: str, *, spare_jobs: bool = False) -> None:
        """Kill what still lives and reap it. May be repeated.

        `spare_jobs`: let go of children with a job, for a daemon after this one to adopt.
        """
        self._closing = self._killing = True
        self._launching.stop()
        for child in self.children:
            if not (spare_jobs and child.state in HOLDING):
                child.kill(reason)
        if spare_jobs and any(child.state in HOLDING for child in self.children):
            await self._tasks.aclose()
        try:
            await within(now() + CLOSE_MARGIN, self.wait_empty())
        except TimeoutError:
            logger.error("children could not be reaped", extra={"action": "reap_failed"})
        await self._tasks.aclose()
        await self._health.aclose()


def _tell_nobody() -> None:
    return


def _turn_away(_hello: Hello, _peer: Peer) -> bool:
    return False


def _view(child: Child) -> ChildView:
    return ChildView(
        id=child.id,
        slot=child.slot,
        state=child.state,
        pid=child.pid,
        job_id=child.job_id,
        generation=child.generation,
    )


def _report(child: Child, reason: ExitReason, action: str) -> dict[str, object]:
    """OTP's four fields of a report, and ours."""
    return {
        "action": action,
        "supervisor": "pool",
        "context": "child_terminated" if child.state == "gone" else child.state,
        "reason": reason.text,
        "offender": child.id,
        "slot": child.slot,
        "job": child.job_id,
        "exit": reason.kind,
    }
