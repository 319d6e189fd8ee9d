"""Where LiveKit's offers meet the pool: accept or decline, assign, report how it went.

Each offer is one task from its arrival until the job runs or the offer is over, with a
deadline on every step, so that no job is ever in limbo. What becomes of a job that runs is
the business of `RunningJobs`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import structs

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wall_time
from agentd.errors import AssignmentTimeout, ChildError
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, JobView
from agentd.protocol.trace import new_context
from agentd.settings.model import JobSettings, LiveKitSettings
from agentd.supervisor.child import Child
from agentd.supervisor.guards import Refusal, RefusalCounter, RefusalKey

from .assignments import Assignments
from .book import JobBook, JobReports, Ledger
from .jobs import Job
from .load import WorkerReport, decide_report
from .roomapi import dispatch_of
from .running import Reserves, RunningJobs
from .simulating import fake_assignment

logger = logging.getLogger("agentd.dispatch")

LINK_LOST = "the connection to LiveKit was lost"


class Children(Reserves, Protocol):
    """The pool, as far as the desk needs it."""

    @property
    def busy(self) -> int: ...

    @property
    def capacity(self) -> int: ...

    @property
    def idle(self) -> int: ...

    @property
    def failing(self) -> str: ...

    def subscribe(self, callback: Callable[[], None]) -> None: ...


class Reports(JobReports, Protocol):
    """The link, as far as the desk needs it."""

    def send_answer(self, job_id: JobId, answer: JobAnswer) -> bool: ...

    def report_worker(self, report: WorkerReport) -> None: ...


class Watcher(Protocol):
    """The reconciler, as far as the desk needs it."""

    def poke(self) -> None:
        """There may be room for a job now."""

    def job_ended(self, room_name: str, dispatch_id: str) -> None:
        """A job is over for good."""


class Guarding(Protocol):
    """Whether the machine bears another job (`supervisor.guards.Guards`)."""

    def refusal(self) -> Refusal | None: ...


class JobDesk:
    """Handles offers, assignments and terminations."""

    def __init__(
        self,
        settings: JobSettings,
        livekit: LiveKitSettings,
        children: Children,
        ledger: Ledger,
        *,
        ask_app: bool,
        guards: Guarding | None = None,
    ) -> None:
        """`ask_app`: the app has an `on_request`; without one every offer is accepted."""
        self._settings = settings
        self._children = children
        self._ask_app = ask_app
        self._guards = guards
        self.refusals = RefusalCounter()
        """Offers that were declined, by reason."""
        self._link: Reports | None = None
        self._watcher: Watcher | None = None
        self._worker_id = ""
        self.registered = asyncio.Event()
        """Set once LiveKit knows this worker, and never cleared."""
        self._draining = ""
        self.book = JobBook(ledger)
        """Every job of this daemon."""
        self.running = RunningJobs(settings, livekit, children, self.book)
        """Those of them that have a child, had one, or will."""
        self._arriving: set[JobId] = set()
        """Offers whose task has not begun, so that the pool knows nothing of them yet."""
        self._assignments = Assignments()
        self._offers = TaskOwner("offers")
        self._changes = Bell()
        """Rung when a job begins or is over."""
        children.subscribe(self.report_load)
        self.running.subscribe(self.report_load)
        self.running.subscribe(self._changes.ring)
        self.book.on_end = self._note_end

    def settle(self, settings: JobSettings, livekit: LiveKitSettings, *, ask_app: bool) -> None:
        """These settings count from now on: the app is known."""
        self._settings = settings
        self._ask_app = ask_app
        self.running.settle(settings, livekit)

    def connect(self, link: Reports) -> None:
        """Report to this link from now on."""
        self._link = link
        self.book.connect(link)
        self.report_load()

    def watch(self, watcher: Watcher) -> None:
        """Tell the reconciler of registrations and ended jobs from now on."""
        self._watcher = watcher
        watcher.poke()

    # -- views -----------------------------------------------------------------------

    @property
    def job_count(self) -> int:
        """Jobs that run, or are about to."""
        return len(self.book)

    @property
    def draining(self) -> bool:
        """Whether nothing new is taken any more."""
        return bool(self._draining)

    def running_jobs(self) -> list[JobId]:
        """Those that LiveKit knows."""
        jobs = (self.book.get(job_id) for job_id in self.running.ids())
        return [job.id for job in jobs if job is not None and not job.fake]

    async def until_begun(self, job_id: JobId) -> None:
        """Wait until a job has a child, or is over: as long as its offer holds, at most."""
        await self._changes.until(
            lambda: self.running.child_of(job_id) is not None or job_id not in self.book
        )

    def view(self) -> list[JobView]:
        """All jobs that are not over, oldest first."""
        return self.book.view()

    # -- what LiveKit says -------------------------------------------------------------

    def handle_registered(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self.registered.set()
        if self._watcher is not None:
            self._watcher.poke()

    def handle_disconnected(self) -> None:
        """Offers in flight are void; running jobs do not notice."""
        for job in self.book.jobs():
            job.void = job.void or job.state == "offered"
        self._assignments.give_up(LINK_LOST)

    def handle_offer(self, offer: JobOffer) -> None:
        if offer.job_id in self.book:
            return  # the server repeated itself; the first offer is being looked after
        if refusal := self._refusal():
            self._decline(offer, JobAnswer(accept=False, reason=refusal.text), refusal.key)
            return
        self._take_up(offer, fake=False)

    def simulate(self, offer: JobOffer) -> Refusal | None:
        """Run a job that nobody has offered, as if LiveKit had; says why not, or nothing."""
        refusal = self._refusal()
        if refusal is None:
            self._take_up(offer, fake=True)
        return refusal

    def _take_up(self, offer: JobOffer, *, fake: bool) -> None:
        job = Job(offer.job_id, offer.room, offered_at=now(), fake=fake)
        self.book.open(job, offer.agent_name)
        self._arriving.add(job.id)
        self._offers.start(self._consider(job, offer), name=offer.job_id)

    def handle_assignment(self, job_id: JobId, job: bytes, room: str, url: str, token: str) -> None:
        assignment = JobAssignment(
            job_id=job_id,
            job=job,
            room=room,
            url=url,
            token=token,
            worker_id=self._worker_id,
            answer=JobAnswer(accept=True),
        )
        if not self._assignments.arrive(assignment):
            self._refuse_assignment(job_id, room)

    def _refuse_assignment(self, job_id: JobId, room: str) -> None:
        """LiveKit believes that we run a job; unless it is told, the caller waits for ever."""
        if job_id in self.book:
            return  # the server repeated itself
        logger.error(
            "assignment of a job that nobody waits for any more",
            extra={"action": "assignment_unknown", "job": job_id, "room": room},
        )
        if self._link is not None:
            self._link.report_job(job_id, "failed", "the assignment came too late")

    def handle_termination(self, job_id: JobId) -> None:
        self.running.terminate(job_id)

    # -- an offer ----------------------------------------------------------------------

    def _refusal(self) -> Refusal | None:
        if self._draining:
            return Refusal("draining", f"draining: {self._draining}")
        if self._used() >= self._children.capacity:
            return Refusal("slots", f"all {self._children.capacity} slots are taken")
        if self._children.failing and not self._children.idle:
            return Refusal("crash_loop", self._children.failing)
        return self._guards.refusal() if self._guards is not None else None

    def _used(self) -> int:
        return self._children.busy + len(self._arriving) + self.running.homeless

    async def _consider(self, job: Job, offer: JobOffer) -> None:
        self._arriving.discard(job.id)
        try:
            await self._pursue(job, offer)
        except BaseException:
            if job.state != "ended":
                self.book.end(job, "lost", "the offer was given up")
            raise

    async def _pursue(self, job: Job, offer: JobOffer) -> None:
        deadline_at = job.offered_at + self._settings.offer_timeout
        try:
            child = await self._children.reserve(job.id, deadline_at)
        except ChildError as error:
            self._decline(offer, JobAnswer(accept=False, reason=str(error)), "no_child")
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
            self._decline(offer, answer, "declined")
            return
        try:
            assignment = (
                self._accept_fake(job, offer, answer)
                if job.fake
                else await self._accept(job, answer)
            )
        except AssignmentTimeout as error:
            child.release("no assignment")
            self.book.end(job, "lost", str(error))
            return
        self.running.start(job, child, assignment)

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

    async def _accept(self, job: Job, answer: JobAnswer) -> JobAssignment:
        with self._assignments.expect(job.id) as expected:
            if job.void or self._link is None or not self._link.send_answer(job.id, answer):
                raise AssignmentTimeout(LINK_LOST)
            self.book.move(job, "accepted")
            accepted_at = wall_time()
            assignment = await expected.wait(self._settings.assignment_timeout)
        # A trace costs nothing until a process of the job records it.
        return structs.replace(
            assignment,
            answer=answer,
            traceparent=new_context().traceparent,
            received_at=wall_time() - (now() - job.offered_at),
            accepted_at=accepted_at,
            assigned_at=wall_time(),
        )

    def _accept_fake(self, job: Job, offer: JobOffer, answer: JobAnswer) -> JobAssignment:
        self.book.move(job, "accepted")
        return fake_assignment(offer, answer, worker_id=self._worker_id)

    def _decline(self, offer: JobOffer, answer: JobAnswer, key: RefusalKey) -> None:
        self.refusals.note(key)
        logger.warning(
            "offer declined",
            extra={
                "action": "offer_declined",
                "job": offer.job_id,
                "room": offer.room,
                "reason": answer.reason or "declined by on_request",
                "refusal": key,
            },
        )
        job = self.book.get(offer.job_id)
        if self._link is not None and not (job and (job.void or job.fake)):
            self._link.send_answer(offer.job_id, answer)
        if job is not None:
            self.book.end(job, "rejected", answer.reason)

    # -- load and drain ------------------------------------------------------------------

    def report_load(self) -> None:
        """Tell LiveKit how many slots are taken, if that changed."""
        if self._link is not None:
            self._link.report_worker(
                decide_report(
                    self._children.busy + self.running.homeless,
                    self._children.capacity,
                    bool(self._draining),
                    job_count=len(self.running.ids()),
                )
            )

    def drain(self, reason: str) -> None:
        """Take nothing new from now on. May be repeated: the first reason stays."""
        self._draining = self._draining or reason
        self.report_load()

    def undrain(self) -> None:
        """Take new jobs again, those too that nobody had room for meanwhile."""
        self._draining = ""
        self.report_load()
        if self._watcher is not None:
            self._watcher.poke()

    async def wait_ended(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until no job is left; says whether none is."""
        return await self.book.wait_empty(timeout)

    async def aclose(self) -> None:
        """Give up the offers that are still open, and the jobs that wait to go on."""
        await self._offers.aclose()
        await self.running.aclose("the daemon is stopping")

    def _note_end(self, job: Job) -> None:
        # One that was never assigned may still be made again: nobody has served its caller.
        if self._watcher is not None and job.assignment is not None and not job.fake:
            self._watcher.job_ended(job.room, dispatch_of(job.assignment.job))
        self._changes.ring()
        self.report_load()
