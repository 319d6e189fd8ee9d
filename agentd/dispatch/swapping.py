"""Moves jobs that run into other children, mid-call: a resume that is planned.

Onto new code, all of them; or one, as an operator wishes, out of a child that is not well.

The next child is there before the old one is asked to let go, so that new code which does not
work costs no call, and the silence is no longer than a resume's. A job that can't be moved stays
where it is, and one line says why.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wait_event, within
from agentd.errors import ChildError
from agentd.figures import count
from agentd.figures.families import RESUMES
from agentd.protocol.ids import JobId
from agentd.supervision.intensity import Intensity
from agentd.supervisor.child import Child

from .jobs import Job

logger = logging.getLogger("agentd.dispatch")

AT_ONCE = 4
"""Jobs that are moved at the same time: each takes a warm child and, perhaps, a seat beside."""

CHILD_TIMEOUT = 30.0
"""Seconds that a job waits for a warm child of the new code before it stays on the old."""

HAND_OVER_TIMEOUT = 10.0
"""Seconds for the old child to hand over, most of which is for a good moment; then it is killed,
and the job goes on from the snapshot that it took last."""

BACK_TIMEOUT = 10.0
"""Seconds for the agent to be in its room again, until that is told as missing."""


NEW_CODE = "the new code"
ANOTHER_CHILD = "another child"


class Running(Protocol):
    """The jobs that run, as far as moving them goes."""

    def ids(self) -> list[JobId]: ...

    def child_of(self, job_id: JobId) -> Child | None: ...

    def policy(self, job: Job) -> Intensity: ...

    def move_over(self, job: Job, child: Child) -> None: ...


class Children(Protocol):
    """The pool, as far as moving jobs goes."""

    async def reserve_beside(self, job_id: JobId, deadline_at: float) -> Child: ...

    def is_outdated(self, child: Child) -> bool: ...


class Book(Protocol):
    """The book of jobs, as far as moving them goes."""

    def get(self, job_id: JobId) -> Job | None: ...


class _Swap:
    """One job on its way."""

    def __init__(self, job: Job, old: Child, wish: int, why: str, where: str) -> None:
        self.job = job
        self.old = old
        self.wish = wish
        self.why = why
        """What it is moved for."""
        self.where = where
        """`the new code` or `another child`: what it goes on in."""
        self.asked_at = now()
        self.next: Child | None = None
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why the old child keeps the job; empty once it has let go."""
        self.forced = ""
        self.let_go_at: float | None = None
        self.back = asyncio.Event()


class Swaps:
    """At most one for each job, a few at a time. Each is a task with a deadline on each wait."""

    def __init__(self, running: Running, children: Children, book: Book) -> None:
        self._running = running
        self._children = children
        self._book = book
        self._wish = 0  # how often it was asked for
        self._why = ""
        self._closed = False
        self._swaps: dict[JobId, _Swap] = {}
        self._tasks = TaskOwner("swaps")
        self._moving: dict[JobId, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    def swap_all(self, why: str) -> None:
        """New jobs run new code: move those that run onto it, and those that are about to.

        `why` says what was new, for the log. May be repeated; a job that is on its way is moved
        again when it has arrived.
        """
        self._wish += 1
        self._why = why
        for job_id in self._running.ids():
            job = self._book.get(job_id)
            if job is not None:
                self.consider(job)

    def consider(self, job: Job) -> None:
        """Move a job if that was asked for, its code is old, and it is not on its way already."""
        old = self._running.child_of(job.id)
        if self._closed or not self._wish or job.id in self._swaps:
            return
        if old is None or job.state != "running" or not self._children.is_outdated(old):
            return
        self._begin(_Swap(job, old, self._wish, self._why, NEW_CODE))

    def move(self, job: Job, why: str) -> str:
        """Have one job go on in another child, whatever its code; says why it can't, or nothing.

        How it went is told in the log, as with all others.
        """
        old = self._running.child_of(job.id)
        if self._closed:
            return "the daemon is ending"
        if job.id in self._swaps:
            return "it is being moved already"
        if old is None or job.state != "running":
            return f"it is {job.state}: only a job that runs can be moved"
        if refusal := self._why_never(job):
            return refusal
        self._begin(_Swap(job, old, self._wish, why, ANOTHER_CHILD))
        return ""

    def _begin(self, swap: _Swap) -> None:
        job_id = swap.job.id
        self._swaps[job_id] = swap
        task = self._tasks.start(self._see_through(swap), name=f"swap-{job_id}")
        self._moving[job_id] = task
        # Also where it is cancelled before it begins.
        task.add_done_callback(lambda _: self._done(swap))

    async def aclose(self) -> None:
        """Move nothing any more; a job that was not let go of stays where it is."""
        self._closed = True
        await self._tasks.aclose()

    # -- what the job's child says -----------------------------------------------------------

    def note_handed_over(self, job: Job) -> bool:
        """The old child has let go: go on in the next one. False where nobody waits for that."""
        swap = self._swaps.get(job.id)
        if swap is None or swap.next is None or swap.answer.done():
            return False
        swap.answer.set_result("")
        self._move(swap, swap.next)
        return True

    def note_kept(self, job: Job, why: str) -> None:
        """The old child keeps the job."""
        swap = self._swaps.get(job.id)
        if swap is not None and not swap.answer.done():
            swap.answer.set_result(why)

    def note_back(self, job: Job) -> None:
        """The agent is in the room again."""
        swap = self._swaps.get(job.id)
        if swap is not None and swap.let_go_at is not None:
            swap.back.set()

    def forget(self, job: Job) -> None:
        """The job is over, or has lost its process and is resumed as others are."""
        task = self._moving.get(job.id)
        if task is not None:
            del self._swaps[job.id], self._moving[job.id]
            task.cancel()

    # -- inside ------------------------------------------------------------------------------

    async def _see_through(self, swap: _Swap) -> None:
        async with self._places:
            if why := await self._try(swap):
                self._tell_stays(swap, why)
                return
            await wait_event(swap.back, BACK_TIMEOUT)
            self._tell_swapped(swap)

    async def _try(self, swap: _Swap) -> str:
        """Move it; says why it stays, or nothing."""
        job = swap.job
        if refusal := self._why_never(job):
            return refusal
        try:
            child = await self._children.reserve_beside(job.id, now() + CHILD_TIMEOUT)
        except ChildError as error:
            return str(error)
        swap.next = child
        try:
            return await self._ask(swap, child)
        finally:
            if swap.let_go_at is None:
                child.release("the job stays where it is")

    def _why_never(self, job: Job) -> str:
        if self._running.policy(job).restarts:
            return ""
        return "it may not begin a second time (max_resumes is 0)"

    async def _ask(self, swap: _Swap, child: Child) -> str:
        swap.old.hand_over(swap.why)
        try:
            return await within(now() + HAND_OVER_TIMEOUT, swap.answer)
        except TimeoutError:
            late = f"its process did not hand over within {HAND_OVER_TIMEOUT:g} s"
        if swap.answer.done() and not swap.answer.cancelled():
            return swap.answer.result()  # it came in the very last moment
        if not swap.job.snapshot:
            return f"{late}, and has left no snapshot"
        swap.forced = f"{late}: it was killed, and the call goes on from its last snapshot"
        swap.old.take_job(f"it did not hand its job over within {HAND_OVER_TIMEOUT:g} s")
        self._move(swap, child)
        return ""

    def _move(self, swap: _Swap, child: Child) -> None:
        swap.let_go_at = now()
        self._running.move_over(swap.job, child)

    def _done(self, swap: _Swap) -> None:
        if self._swaps.get(swap.job.id) is not swap:
            return
        del self._swaps[swap.job.id], self._moving[swap.job.id]
        if swap.wish < self._wish:  # the code has changed again meanwhile
            self.consider(swap.job)

    def _tell_stays(self, swap: _Swap, why: str) -> None:
        count(RESUMES, reason="swap", outcome="stayed")
        logger.warning(
            "the call stays where it is",
            extra={
                "action": "job_stays",
                "job": swap.job.id,
                "room": swap.job.room,
                "child": swap.old.id,
                "what": swap.why,
                "reason": why,
            },
        )

    def _tell_swapped(self, swap: _Swap) -> None:
        assert swap.let_go_at is not None
        assert swap.next is not None
        back = swap.back.is_set()
        logger.log(
            logging.INFO if back and not swap.forced else logging.WARNING,
            f"the call goes on in {swap.where}"
            if back
            else f"the call was given to {swap.where}, and its agent is not in the room yet",
            extra={
                "action": "job_swapped",
                "job": swap.job.id,
                "room": swap.job.room,
                "old": swap.old.id,
                "child": swap.next.id,
                "what": swap.why,
                "reason": swap.forced or "its old process has handed it over",
                "waited": round(swap.let_go_at - swap.asked_at, 3),
                "silent": round(now() - swap.let_go_at, 3),
            },
        )
