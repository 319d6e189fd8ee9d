"""Jobs that run: each has a child, loses it perhaps, and goes on in another.

A job that runs needs no task: its child says what becomes of it. One that has lost its
child has a task until it has the next one, or has failed; there is a deadline on that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Protocol

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wall_time
from agentd.errors import AgentdError
from agentd.figures import count
from agentd.figures.families import ADOPTIONS, RESUMES
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAssignment, JobOutcome
from agentd.settings.model import JobSettings, LiveKitSettings
from agentd.supervision.intensity import Intensity
from agentd.supervisor.child import ADOPTED, Child
from agentd.supervisor.procfs import boot_id, process_started

from .book import JobBook
from .gaps import note_gone, note_there_again
from .jobs import Job, count_resume, resume_policy
from .resuming import Pauses, renewed
from .swapping import Swaps

logger = logging.getLogger("agentd.dispatch")

IsWanted = Callable[[Job], Coroutine[Any, Any, bool]]
Farewell = Callable[[Job, str], Coroutine[Any, Any, None]]


class Reserves(Protocol):
    """The pool, as far as a resume needs it."""

    async def reserve(
        self, job_id: JobId, deadline_at: float, *, urgent: bool = False
    ) -> Child: ...

    async def reserve_beside(self, job_id: JobId, deadline_at: float) -> Child: ...

    def is_outdated(self, child: Child) -> bool: ...


class RunningJobs:
    """Starts jobs in children and starts them again in others."""

    def __init__(
        self, settings: JobSettings, livekit: LiveKitSettings, children: Reserves, book: JobBook
    ) -> None:
        self._settings = settings
        self._livekit = livekit
        self._children = children
        self._book = book
        self._running: dict[JobId, Child] = {}
        self.swaps = Swaps(self, children, book)
        """Moves them onto new code."""
        self._resumes = TaskOwner("resumes")
        self._resuming: dict[JobId, asyncio.Task[None]] = {}
        self._unwanted: dict[JobId, str] = {}
        """Jobs that were told to end while they had no child, and why."""
        self._pauses = Pauses()
        self._homeless: set[JobId] = set()
        self._boot = boot_id()
        self._closed = ""
        self._listeners: list[Callable[[], None]] = []
        self.is_wanted: IsWanted = _nobody_wants
        """Whether LiveKit still wants a job of which it says that it is to end."""
        self.farewell: Farewell = _say_nothing
        """Takes the agent out of the room of a job that failed for good, and tells why."""

    def settle(self, settings: JobSettings, livekit: LiveKitSettings) -> None:
        """These settings count from now on."""
        self._settings = settings
        self._livekit = livekit

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have something called when a job begins or ceases to run."""
        self._listeners.append(listener)

    # -- views ---------------------------------------------------------------------------

    @property
    def homeless(self) -> int:
        """Jobs that have no child and have asked the pool for none yet."""
        return len(self._homeless)

    def ids(self) -> list[JobId]:
        """Jobs that run in a child."""
        return list(self._running)

    def child_of(self, job_id: JobId) -> Child | None:
        """Where a job runs; None while it has no child."""
        return self._running.get(job_id)

    def policy(self, job: Job) -> Intensity:
        """How often a job may go on where its process dies."""
        assert job.assignment is not None
        return resume_policy(self._settings, job.assignment.answer)

    # -- a job -----------------------------------------------------------------------------

    def start(self, job: Job, child: Child, assignment: JobAssignment) -> None:
        """Run a job that was assigned in the child that was reserved for it."""
        self._book.assigned(job, assignment)
        logger.info(
            "job assigned",
            extra={
                "action": "job_assigned",
                "job": job.id,
                "room": job.room,
                "child": child.id,
                "waited": round(now() - job.offered_at, 4),
            },
        )
        self._begin(job, child)

    def hold(self, job: Job, child: Child) -> None:
        """The job runs in a child of the daemon before us, which is about to come back."""
        self._running[job.id] = child
        child.hold_job(job.id, job.room, JobWatch(self, job, child))
        self._note_child(job, child)
        self._changed()

    def stop(self, job_id: JobId, reason: str) -> bool:
        """Ask a job to end in order; False when it does not run."""
        if (child := self._running.get(job_id)) is not None:
            child.shutdown(reason)
            return True
        if (resuming := self._resuming.get(job_id)) is not None:
            self._unwanted[job_id] = reason
            resuming.cancel()
            return True
        return False

    def move(self, job_id: JobId, why: str) -> str | None:
        """Have a job go on in another child; says why it can't, None for one that is not here."""
        job = self._book.get(job_id)
        if job is None or (job_id not in self._running and job_id not in self._resuming):
            return None
        return self.swaps.move(job, why)

    def terminate(self, job_id: JobId) -> None:
        """LiveKit says that a job is to end: at once, unless it was resumed.

        When an agent takes over the place of a dead one, livekit-server 1.11 sees the dead
        one leave and terminates the job, though it goes on (Room.RemoveParticipant). Only
        its dispatch tells the difference: that of a job that nobody wants is gone.
        """
        job = self._book.get(job_id)
        if job is None or not job.resumes or self._closed:
            self._terminate(job_id)
        else:
            self._resumes.start(self._weigh_termination(job), name=f"termination-{job_id}")

    async def _weigh_termination(self, job: Job) -> None:
        if not await self.is_wanted(job):
            self._terminate(job.id)
            return
        logger.info(
            "LiveKit takes the death of the job's child for its end; it goes on",
            extra={"action": "termination_ignored", "job": job.id, "room": job.room},
        )

    def _terminate(self, job_id: JobId) -> None:
        if self.stop(job_id, "terminated by LiveKit"):
            logger.info("LiveKit ends the job", extra={"action": "job_termination", "job": job_id})

    def resume(self, job: Job, why: str) -> None:
        """Have a job go on in another child, if it may; else it has failed."""
        self.swaps.forget(job)
        job.resume_reason = "crash"
        if refusal := self._closed or self._count(job):
            count(RESUMES, reason="crash", outcome="refused")
            self._fail(job, f"{why}; {refusal}")
            return
        job.lost_at, job.lost_why = wall_time(), why
        note_gone(job, now())
        if job.state != "resuming":
            self._book.move(job, "resuming", resumes=job.resumes)
        self._homeless.add(job.id)
        logger.warning(
            "job lost its child; it goes on in another",
            extra={
                "action": "job_resuming",
                "job": job.id,
                "room": job.room,
                "reason": why,
                "resumes": job.resumes,
            },
        )
        finding = self._resumes.start(self._find_child(job), name=job.id, report=False)
        self._resuming[job.id] = finding
        finding.add_done_callback(partial(self._resume_done, job, why))

    def move_over(self, job: Job, child: Child) -> None:
        """Have a job that was let go of go on in this child, which was reserved for it.

        That was planned: it counts as no failure, and there is nothing to wait for.
        """
        job.resumes += 1
        job.resume_reason = "swap"
        job.lost_at, job.lost_why = wall_time(), "it was moved to another process"
        note_gone(job, now())
        self._book.move(job, "resuming", resumes=job.resumes)
        self._go_on(job, child)

    async def aclose(self, why: str) -> None:
        """Resume nothing any more."""
        self._closed = why
        await self.swaps.aclose()
        await self._resumes.aclose()

    # -- what a job's child says -----------------------------------------------------------

    def note_started(self, job: Job, child: Child) -> None:
        """The entrypoint runs."""
        adopted = child.generation == ADOPTED
        resumed = job.state == "resuming" and not adopted
        if job.state != "running":
            self._book.move(job, "running")
        if resumed:
            count(RESUMES, reason=job.resume_reason, outcome="resumed")
        if adopted:
            count(ADOPTIONS)
            logger.info(
                "job adopted",
                extra={
                    "action": "job_adopted",
                    "job": job.id,
                    "room": job.room,
                    "child": child.id,
                    "child_pid": child.pid,
                },
            )
        if resumed and job.resume_reason == "crash":
            logger.info(
                "job goes on",
                extra={
                    "action": "job_resumed",
                    "job": job.id,
                    "room": job.room,
                    "child": child.id,
                    "resumes": job.resumes,
                    "seconds": round(now() - job.resumed_at[-1], 4) if job.resumed_at else 0.0,
                },
            )
        job.begun = True
        if not adopted:
            job.running_since = wall_time()
        self._book.report_running(job)
        self._changed()
        self.swaps.consider(job)

    def note_back(self, job: Job) -> None:
        """The agent of a job that goes on is in its room again."""
        note_there_again(job, now())
        self.swaps.note_back(job)

    def note_measured(self, job: Job, turns: int, latency: Mapping[str, float]) -> None:
        """How the job fares in the process that it has now."""
        job.turns = job.earlier_turns + turns
        job.latency = latency

    def note_kept(self, job: Job, why: str) -> None:
        """The child does not let go of the job."""
        self.swaps.note_kept(job, why)

    def note_handed_over(self, job: Job) -> None:
        """The child has let go of the job."""
        self._running.pop(job.id, None)
        if not self.swaps.note_handed_over(job):
            self.resume(job, "it was handed over when nobody waited for that any more")

    def note_snapshot(self, job: Job, version: int, data: bytes) -> None:
        self._book.keep_snapshot(job, version, data)

    def note_closing(self, job: Job, outcome: JobOutcome) -> None:
        """The job has ended and its agent is about to leave the room: LiveKit hears of it now.

        livekit-server takes an agent that leaves before that for a failure.
        """
        self._book.report(job, outcome)

    def note_ended(self, job: Job, outcome: JobOutcome) -> None:
        """The job is over."""
        self._running.pop(job.id, None)
        self.swaps.forget(job)
        self._pauses.forget(job)
        self._book.report(job, outcome)
        self._book.close(job, outcome)
        self._changed()

    def note_lost(self, job: Job, why: str) -> None:
        """The child died under the job."""
        self._running.pop(job.id, None)
        if job.outcome is not None:  # it had ended, only its cleaning up was cut short
            self.swaps.forget(job)
            self._book.close(job, job.outcome)
            return
        self.resume(job, why)
        self._changed()

    # -- inside ----------------------------------------------------------------------------

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def _begin(self, job: Job, child: Child) -> None:
        if child.state != "reserved":
            self.resume(job, "its child died before it began")
            return
        assert job.assignment is not None
        self._running[job.id] = child
        job.earlier_turns = job.turns
        child.start_job(job.assignment, JobWatch(self, job, child), job.past())
        self._note_child(job, child)

    def _note_child(self, job: Job, child: Child) -> None:
        started = process_started(child.pid) if child.pid is not None else None
        self._book.note(
            job, child=ChildId(child.id), pid=child.pid, process_started=started, boot=self._boot
        )

    def _count(self, job: Job) -> str:
        if job.assignment is None:
            return "its assignment is not known"
        return count_resume(job, self.policy(job), now())

    async def _find_child(self, job: Job) -> None:
        deadline_at = now() + self._settings.resume_timeout
        if pause := self._pauses.next(job, now()):
            await asyncio.sleep(pause)
        self._homeless.discard(job.id)
        self._go_on(job, await self._children.reserve(job.id, deadline_at, urgent=True))

    def _go_on(self, job: Job, child: Child) -> None:
        assert job.assignment is not None
        job.assignment = renewed(job.assignment, self._livekit)
        self._begin(job, child)

    def _resume_done(self, job: Job, why: str, finding: asyncio.Task[None]) -> None:
        """Also where it was cancelled before it began: no job is left in limbo."""
        if self._resuming.get(job.id) is finding:
            del self._resuming[job.id]
            self._homeless.discard(job.id)
        if finding.cancelled():
            end = self._unwanted.pop(job.id, "") or self._closed
            count(RESUMES, reason=job.resume_reason, outcome="failed")
            self._fail(job, f"{why}; it could not go on: {end}")
        elif (error := finding.exception()) is not None:
            count(RESUMES, reason=job.resume_reason, outcome="failed")
            if not isinstance(error, AgentdError):
                logger.error("a resume failed", exc_info=error, extra={"action": "task_failed"})
            self._fail(job, f"{why}; it could not go on: {error}")

    def _fail(self, job: Job, why: str) -> None:
        self._pauses.forget(job)
        self._book.report(job, JobOutcome(outcome="failed", error=why))
        self._book.end(job, "failed", why)
        if not self._closed:
            self._resumes.start(self.farewell(job, why), name=f"farewell-{job.id}")


class JobWatch:
    """Passes on what a child says of its job."""

    def __init__(self, jobs: RunningJobs, job: Job, child: Child) -> None:
        self._jobs = jobs
        self._job = job
        self._child = child

    def job_started(self) -> None:
        self._jobs.note_started(self._job, self._child)

    def job_snapshot(self, version: int, data: bytes) -> None:
        self._jobs.note_snapshot(self._job, version, data)

    def job_closing(self, outcome: JobOutcome) -> None:
        self._jobs.note_closing(self._job, outcome)

    def job_back(self) -> None:
        self._jobs.note_back(self._job)

    def job_measured(self, turns: int, latency: Mapping[str, float]) -> None:
        self._jobs.note_measured(self._job, turns, latency)

    def job_kept(self, why: str) -> None:
        self._jobs.note_kept(self._job, why)

    def job_handed_over(self) -> None:
        self._jobs.note_handed_over(self._job)

    def job_ended(self, outcome: JobOutcome) -> None:
        self._jobs.note_ended(self._job, outcome)

    def job_lost(self, why: str) -> None:
        self._jobs.note_lost(self._job, why)


async def _nobody_wants(_job: Job) -> bool:
    return False


async def _say_nothing(_job: Job, _why: str) -> None:
    return
