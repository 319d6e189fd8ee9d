"""Where LiveKit's offers meet the pool: accept or decline, assign, report how it went.

Each offer is one task from its arrival until the job runs or the offer is over, with a
deadline on every step, so that no job is ever in limbo. A running job needs no task: its
child says what becomes of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import structs

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import AssignmentTimeout, ChildError
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobOutcome
from agentd.settings.model import JobSettings
from agentd.supervisor.child import Child

from .jobs import Ending, Job, JobView
from .load import WorkerReport, decide_report
from .messages import JobStatus

logger = logging.getLogger("agentd.dispatch")

LINK_LOST = "the connection to LiveKit was lost"


class Children(Protocol):
    """The pool, as far as the desk needs it."""

    @property
    def busy(self) -> int: ...

    @property
    def capacity(self) -> int: ...

    def subscribe(self, callback: Callable[[], None]) -> None: ...

    async def reserve(self, job_id: JobId, deadline_at: float) -> Child: ...


class Reports(Protocol):
    """The link, as far as the desk needs it."""

    def send_answer(self, job_id: JobId, answer: JobAnswer) -> bool: ...

    def report_job(self, job_id: JobId, status: JobStatus, error: str = "") -> None: ...

    def report_worker(self, report: WorkerReport) -> None: ...


class JobDesk:
    """Handles offers, assignments and terminations; knows every job of this daemon."""

    def __init__(self, settings: JobSettings, children: Children, *, ask_app: bool) -> None:
        """`ask_app`: the app has an `on_request`; without one every offer is accepted."""
        self._settings = settings
        self._children = children
        self._ask_app = ask_app
        self._link: Reports | None = None
        self._worker_id = ""
        self.registered = asyncio.Event()
        """Set once LiveKit knows this worker, and never cleared."""
        self._draining = ""
        self._jobs: dict[JobId, Job] = {}
        self._arriving: set[JobId] = set()
        """Offers whose task has not begun, so that the pool knows nothing of them yet."""
        self._running: dict[JobId, Child] = {}
        self._assignments: dict[JobId, asyncio.Future[JobAssignment]] = {}
        self._offers = TaskOwner("offers")
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        children.subscribe(self.report_load)

    def connect(self, link: Reports) -> None:
        """Report to this link from now on."""
        self._link = link
        self.report_load()

    # -- views -----------------------------------------------------------------------

    @property
    def job_count(self) -> int:
        """Jobs that run, or are about to."""
        return len(self._jobs)

    @property
    def draining(self) -> bool:
        """Whether nothing new is taken any more."""
        return bool(self._draining)

    def running_jobs(self) -> list[JobId]:
        return list(self._running)

    def view(self) -> list[JobView]:
        """All jobs that are not over, oldest first."""
        at = now()
        return [
            JobView(id=job.id, room=job.room, state=job.state, age=at - job.offered_at)
            for job in self._jobs.values()
        ]

    # -- what LiveKit says -------------------------------------------------------------

    def handle_registered(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self.registered.set()

    def handle_disconnected(self) -> None:
        """Offers in flight are void; running jobs do not notice."""
        for job in self._jobs.values():
            job.void = job.void or job.state == "offered"
        for assignment in list(self._assignments.values()):
            if not assignment.done():
                assignment.set_exception(AssignmentTimeout(LINK_LOST))

    def handle_offer(self, offer: JobOffer) -> None:
        if offer.job_id in self._jobs:
            return  # the server repeated itself; the first offer is being looked after
        if refusal := self._refusal():
            self._decline(offer, JobAnswer(accept=False, reason=refusal))
            return
        job = self._jobs[offer.job_id] = Job(offer, now())
        self._all_ended.clear()
        self._arriving.add(job.id)
        self._offers.start(self._consider(job, offer), name=offer.job_id)

    def handle_assignment(self, job_id: JobId, job: bytes, room: str, url: str, token: str) -> None:
        waiting = self._assignments.get(job_id)
        if waiting is None or waiting.done():
            self._refuse_assignment(job_id, room)
            return
        waiting.set_result(
            JobAssignment(
                job_id=job_id,
                job=job,
                room=room,
                url=url,
                token=token,
                worker_id=self._worker_id,
                answer=JobAnswer(accept=True),
            )
        )

    def _refuse_assignment(self, job_id: JobId, room: str) -> None:
        """LiveKit believes that we run a job; unless it is told, the caller waits for ever."""
        if job_id in self._jobs:
            return  # the server repeated itself
        logger.error(
            "assignment of a job that nobody waits for any more",
            extra={"action": "assignment_unknown", "job": job_id, "room": room},
        )
        if self._link is not None:
            self._link.report_job(job_id, "failed", "the assignment came too late")

    def handle_termination(self, job_id: JobId) -> None:
        child = self._running.get(job_id)
        if child is None:
            return
        logger.info("LiveKit ends the job", extra={"action": "job_termination", "job": job_id})
        child.shutdown("terminated by LiveKit")

    # -- an offer ----------------------------------------------------------------------

    def _refusal(self) -> str:
        if self._draining:
            return f"draining: {self._draining}"
        if self._children.busy + len(self._arriving) >= self._children.capacity:
            return f"all {self._children.capacity} slots are taken"
        return ""

    async def _consider(self, job: Job, offer: JobOffer) -> None:
        self._arriving.discard(job.id)
        try:
            await self._pursue(job, offer)
        except BaseException:
            if job.state != "ended":
                self._end(job, "lost", "the offer was given up")
            raise

    async def _pursue(self, job: Job, offer: JobOffer) -> None:
        deadline_at = job.offered_at + self._settings.offer_timeout
        try:
            child = await self._children.reserve(job.id, deadline_at)
        except ChildError as error:
            self._decline(offer, JobAnswer(accept=False, reason=str(error)))
            return
        try:
            await self._settle(job, offer, child, deadline_at)
        except BaseException:
            child.release("the offer was given up")
            raise

    async def _settle(self, job: Job, offer: JobOffer, child: Child, deadline_at: float) -> None:
        answer = await self._answer(offer, child, deadline_at)
        if not answer.accept:
            child.release("declined")
            self._decline(offer, answer)
            return
        try:
            assignment = await self._accept(job, offer, answer)
        except (AssignmentTimeout, TimeoutError) as error:
            child.release("no assignment")
            self._end(job, "lost", str(error) or self._too_late())
            return
        self._start(job, child, assignment)

    async def _answer(self, offer: JobOffer, child: Child, deadline_at: float) -> JobAnswer:
        if not self._ask_app:
            return JobAnswer(accept=True)
        try:
            return await child.ask(offer, deadline_at)
        except TimeoutError:
            seconds = self._settings.offer_timeout
            return JobAnswer(accept=False, reason=f"on_request gave no answer within {seconds:g} s")
        except ChildError as error:
            return JobAnswer(accept=False, reason=f"the child died in on_request: {error}")

    async def _accept(self, job: Job, offer: JobOffer, answer: JobAnswer) -> JobAssignment:
        waiting: asyncio.Future[JobAssignment] = asyncio.get_running_loop().create_future()
        self._assignments[job.id] = waiting
        try:
            if job.void or self._link is None or not self._link.send_answer(job.id, answer):
                raise AssignmentTimeout(LINK_LOST)
            job.move("accepted")
            assignment = await self._await_assignment(waiting)
        finally:
            del self._assignments[job.id]
        job.move("assigned")
        return structs.replace(assignment, answer=answer)

    async def _await_assignment(self, waiting: asyncio.Future[JobAssignment]) -> JobAssignment:
        try:
            return await within(now() + self._settings.assignment_timeout, waiting)
        except TimeoutError:
            if waiting.done() and not waiting.cancelled():  # it came in the very last moment
                return waiting.result()
            raise

    def _too_late(self) -> str:
        return f"LiveKit assigned nothing within {self._settings.assignment_timeout:g} s"

    def _decline(self, offer: JobOffer, answer: JobAnswer) -> None:
        logger.warning(
            "offer declined",
            extra={
                "action": "offer_declined",
                "job": offer.job_id,
                "room": offer.room,
                "reason": answer.reason or "declined by on_request",
            },
        )
        job = self._jobs.get(offer.job_id)
        if self._link is not None and not (job and job.void):
            self._link.send_answer(offer.job_id, answer)
        if job is not None:
            self._end(job, "rejected", answer.reason)

    # -- a job -------------------------------------------------------------------------

    def _start(self, job: Job, child: Child, assignment: JobAssignment) -> None:
        if child.state != "reserved":
            self._report_end(
                job, JobOutcome(outcome="failed", error="its child died before it began")
            )
            return
        self._running[job.id] = child
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
        child.start_job(assignment, _Watch(self, job))

    def note_started(self, job: Job) -> None:
        """The entrypoint runs (the job's watcher calls this)."""
        job.move("running")
        if self._link is not None:
            self._link.report_job(job.id, "running")
        self.report_load()

    def note_closing(self, job: Job, outcome: JobOutcome) -> None:
        """The job has ended and its agent is about to leave the room: LiveKit hears of it now.

        livekit-server takes an agent that leaves before that for a failure.
        """
        job.reported = True
        if self._link is not None:
            self._link.report_job(job.id, outcome.outcome, outcome.error)

    def note_ended(self, job: Job, outcome: JobOutcome) -> None:
        """The job is over (the job's watcher calls this)."""
        self._running.pop(job.id, None)
        self._report_end(job, outcome)

    def _report_end(self, job: Job, outcome: JobOutcome) -> None:
        if self._link is not None and not job.reported:
            self._link.report_job(job.id, outcome.outcome, outcome.error)
        self._end(job, outcome.outcome, outcome.error or outcome.reason)

    def _end(self, job: Job, ending: Ending, reason: str) -> None:
        job.end(ending, reason)
        self._jobs.pop(job.id, None)
        if not self._jobs:
            self._all_ended.set()
        level = logging.INFO if ending in ("completed", "rejected") else logging.ERROR
        logger.log(
            level,
            "job ended",
            extra={
                "action": "job_ended",
                "job": job.id,
                "room": job.room,
                "ending": ending,
                "reason": reason,
                "seconds": round(now() - job.offered_at, 3),
            },
        )
        self.report_load()

    # -- load and drain ------------------------------------------------------------------

    def report_load(self) -> None:
        """Tell LiveKit how many slots are taken, if that changed."""
        if self._link is not None:
            self._link.report_worker(
                decide_report(
                    self._children.busy,
                    self._children.capacity,
                    bool(self._draining),
                    job_count=len(self._running),
                )
            )

    def drain(self, reason: str) -> None:
        """Take nothing new from now on. May be repeated: the first reason stays."""
        self._draining = self._draining or reason
        self.report_load()

    async def wait_ended(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until no job is left; says whether none is."""
        try:
            await within(now() + timeout, self._all_ended.wait())
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Give up the offers that are still open."""
        await self._offers.aclose()


class _Watch:
    """Passes on what a child says of its job."""

    def __init__(self, desk: JobDesk, job: Job) -> None:
        self._desk = desk
        self._job = job

    def job_started(self) -> None:
        self._desk.note_started(self._job)

    def job_closing(self, outcome: JobOutcome) -> None:
        self._desk.note_closing(self._job, outcome)

    def job_snapshot(self, version: int, data: bytes) -> None:
        del version, data  # kept from the next commit on

    def job_ended(self, outcome: JobOutcome) -> None:
        self._desk.note_ended(self._job, outcome)

    def job_lost(self, why: str) -> None:
        self._desk.note_ended(self._job, JobOutcome(outcome="failed", error=why))
