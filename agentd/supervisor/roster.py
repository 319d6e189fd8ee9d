"""The seats of the pool and the children in them: started, adopted, watched, and explained at
their end.

How many there should be, of which code, and which job gets whom is the pool's business.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.figures import count
from agentd.figures.families import CHILD_ENDS, CHILD_STARTS
from agentd.ipc.listener import ChildStream, Peer
from agentd.protocol.frames import Hello
from agentd.protocol.ids import ChildId, SlotId

from .autopsy import Autopsies, OnPostMortem, ignore
from .child import ADOPTED, Child, ChildObserver, ChildSpec
from .exit import ExitReason
from .health import Chart, Health
from .oom import OomVerdict
from .output import RecordSink
from .postmortem import PostMortem
from .process import Reaper
from .slot import Slot
from .template import Launcher

logger = logging.getLogger("agentd.supervisor")

CLOSE_MARGIN = 10.0

HOLDING = ("running", "adopting")
"""States of a child that has a job."""


class Owner(ChildObserver, Protocol):
    """The pool, as far as its roster needs it."""

    def child_failed(self, child: Child, reason: ExitReason) -> float:
        """A child ended as it should not have; returns how long no other one is started."""
        ...

    def seat_freed(self) -> None: ...


class Roster:
    """Seats with children in them. Each child has a task for its life."""

    def __init__(
        self, seats: int, spec: ChildSpec, reaper: Reaper, sink: RecordSink, owner: Owner
    ) -> None:
        self.seats = seats
        """How many there are; one that is adopted may sit beside them."""
        self._spec = spec
        self._reaper = reaper
        self._sink = sink
        self._owner = owner
        self._slots = [Slot(SlotId(number)) for number in range(seats)]
        self._numbers = itertools.count(1)
        self._tasks = TaskOwner("pool")
        self._killing = False
        self.health = Health(spec.patience, spec.memory, lambda: self.children)
        self._autopsies = Autopsies(spec.memory.limit_mb, self._hand_on)
        self.on_post_mortem: OnPostMortem = ignore
        """Gets the report of each child that ended as it should not have."""
        self.on_return: Callable[[Hello, Peer], bool] = _turn_away
        """Asked about a child of an earlier daemon that nobody expects; adopts it and says
        True, or leaves it alone."""

    def settle(self, seats: int, spec: ChildSpec) -> None:
        """So many seats from now on, and this spec for children to come."""
        self.seats = seats
        self._spec = spec
        self.health.settle(spec.patience, spec.memory)
        self._autopsies.limit_mb = spec.memory.limit_mb
        numbers = {slot.number for slot in self._slots}
        new = (SlotId(number) for number in range(seats) if number not in numbers)
        self._slots.extend(Slot(number) for number in new)
        for slot in [slot for slot in self._slots if slot.number >= seats]:
            if slot.child is None:
                self._slots.remove(slot)
        self._slots.sort(key=lambda slot: slot.number)

    def set_log_level(self, level: str) -> int:
        """Have children write this much, also those to come; returns how many were told."""
        self._spec = replace(self._spec, config=replace(self._spec.config, log_level=level))
        return sum(child.set_log_level(level) for child in self.children)

    @property
    def children(self) -> list[Child]:
        return [slot.child for slot in self._slots if slot.child is not None]

    @property
    def free_seats(self) -> int:
        return sum(slot.child is None for slot in self._slots)

    def add_seat(self) -> None:
        """Put one seat beside the others, unless one is free; it goes with the child in it."""
        if not self.free_seats:
            self._slots.append(Slot(SlotId(self._slots[-1].number + 1)))

    def drop_empty_seats(self) -> None:
        """Take away the seats beside the others in which nobody sits."""
        self._slots = [s for s in self._slots if s.number < self.seats or s.child is not None]

    # -- how children come ---------------------------------------------------------------

    def start(self, launcher: Launcher, generation: int) -> None:
        """Start a child in a free seat; there must be one."""
        child_id = self._new_id()
        slot = next(slot for slot in self._slots if slot.child is None)
        child = Child(child_id, slot.number, self._spec, self._owner, self._sink)
        child.generation = generation
        slot.seat(child)
        count(CHILD_STARTS)
        life = child.run(launcher, self._reaper)
        self._tasks.start(self._run_child(slot, child, life), name=child_id)

    def adopt(self, child_id: ChildId, pid: int) -> Child:
        """Take over a process with a job that an earlier daemon has made.

        It gets a seat also where all are taken: there it is one too many until it ends.
        """
        if self._named(child_id) is not None:
            child_id = self._new_id()
        self._skip_number(child_id)
        self.add_seat()
        slot = next(slot for slot in self._slots if slot.child is None)
        child = Child(child_id, slot.number, self._spec, self._owner, self._sink)
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

    # -- how they end --------------------------------------------------------------------

    async def _run_child(
        self, slot: Slot, child: Child, life: Coroutine[Any, Any, ExitReason]
    ) -> None:
        reason = await life
        slot.vacate(reason)
        chart = self.health.discharge(child.id)
        if slot.number >= self.seats:
            self._slots.remove(slot)
        if self._has_failed(child, reason):
            delay = self._owner.child_failed(child, reason)
            logger.error(
                "child failed",
                extra={**_report(child, reason, "child_failed"), "next_start_in": round(delay, 3)},
            )
            record = self._autopsies.hold(
                child.deceased(), reason, child.recorder, child.usage, chart
            )
            count(CHILD_ENDS, reason=why_ended(reason, chart, record.oom.verdict))
        else:
            logger.debug("child ended", extra=_report(child, reason, "child_ended"))
            count(CHILD_ENDS, reason=why_ended(reason, chart))
        self._owner.seat_freed()

    def _has_failed(self, child: Child, reason: ExitReason) -> bool:
        if self._killing and child.job_id is None:
            return False
        # A warm child that ends unasked is no good, with whatever exit code.
        return reason.abnormal or (reason.kind == "normal" and child.job_id is None)

    def _hand_on(self, record: PostMortem) -> None:
        self.on_post_mortem(record)

    async def wait_empty(self) -> None:
        """Wait until the last child is reaped; the callers' budgets bound it."""
        await self._tasks.wait()

    async def aclose(self, reason: str, *, spare_jobs: bool = False) -> None:
        """Kill what still lives and reap it; children with a job are let go on `spare_jobs`."""
        self._killing = True
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
        await self.health.aclose()


def why_ended(reason: ExitReason, chart: Chart | None, verdict: OomVerdict = "") -> str:
    """One word for an end, as `child_ends` has it. Pure."""
    if verdict == "limit" or (chart is not None and chart.over_limit):
        return "memory"
    if verdict in ("kernel", "likely"):
        return "oom"
    if reason.kind == "killed" and chart is not None and chart.replaced:
        return "heartbeat"
    return {"crashed": "exit", "signalled": "signal"}.get(reason.kind, reason.kind)


def _turn_away(_hello: Hello, _peer: Peer) -> bool:
    return False


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
