"""The book of jobs: each is in it from its offer to its end, and each of its moves is told.

To the journal, so that a daemon after us knows them; to LiveKit, so that the caller's side
does. Whoever moves a job does it here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, Unpack

import msgspec

from agentd.aio.timing import now, within
from agentd.figures import count, observe
from agentd.figures.families import JOB_DURATION, JOBS_ENDED
from agentd.journal.records import JobFacts, JobRecord
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAssignment, JobOutcome, JobState, JobView

from .dispatch_steps import measure_move
from .jobs import Ending, Job
from .messages import JobStatus
from .token import token_identity

logger = logging.getLogger("agentd.dispatch")

_encoder = msgspec.msgpack.Encoder()


class Ledger(Protocol):
    """The journal, as far as jobs need it. None of it waits, none of it raises."""

    def record_job(
        self, job_id: JobId, state: JobState | None = None, **facts: Unpack[JobFacts]
    ) -> JobRecord | None: ...

    def record_snapshot(self, job_id: JobId, version: int, data: bytes) -> bool: ...


class JobReports(Protocol):
    """The link, as far as running jobs need it."""

    def report_job(self, job_id: JobId, status: JobStatus, error: str = "") -> None: ...


class JobBook:
    """All jobs of this daemon that are not over."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._link: JobReports | None = None
        self._jobs: dict[JobId, Job] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.on_end: Callable[[Job], None] = _ignore
        """Told of each end, after it was written down."""

    def connect(self, link: JobReports) -> None:
        """Report to this link from now on."""
        self._link = link

    # -- what is in it -------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._jobs

    def get(self, job_id: JobId) -> Job | None:
        return self._jobs.get(job_id)

    def jobs(self) -> list[Job]:
        """All of them, oldest first."""
        return list(self._jobs.values())

    def view(self) -> list[JobView]:
        """All of them at this moment."""
        at = now()
        return [
            JobView(
                id=job.id,
                room=job.room,
                state=job.state,
                age=at - job.offered_at,
                resumes=job.resumes,
                turns=job.turns,
                latency=job.latency,
                fake=job.fake,
            )
            for job in self._jobs.values()
        ]

    async def wait_empty(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until no job is left; says whether none is."""
        try:
            await within(now() + timeout, self._empty.wait())
        except TimeoutError:
            return False
        return True

    # -- moves ---------------------------------------------------------------------------

    def open(self, job: Job, agent_name: str) -> None:
        """A job is offered."""
        self.take_over(job)
        self._ledger.record_job(job.id, "offered", room=job.room, agent_name=agent_name)

    def take_over(self, job: Job) -> None:
        """A job that the journal knows already, in whatever state it is."""
        self._jobs[job.id] = job
        self._empty.clear()

    def move(self, job: Job, state: JobState, **facts: Unpack[JobFacts]) -> None:
        """The job goes on to the next state."""
        measure_move(job, state, now())
        job.move(state)
        self._ledger.record_job(job.id, state, **facts)

    def assigned(self, job: Job, assignment: JobAssignment) -> None:
        """LiveKit has given us the job; from now on it can be resumed."""
        job.assignment = assignment
        self.move(
            job,
            "assigned",
            identity=token_identity(assignment.token),
            url=assignment.url,
            worker_id=assignment.worker_id,
            assignment=_encoder.encode(assignment),
        )

    def note(self, job: Job, **facts: Unpack[JobFacts]) -> None:
        """Something is new about the job, its state is not."""
        self._ledger.record_job(job.id, None, **facts)

    def keep_snapshot(self, job: Job, version: int, data: bytes) -> None:
        """The job wants this remembered, in place of the one before."""
        if self._ledger.record_snapshot(job.id, version, data):
            job.snapshot_version, job.snapshot = version, data

    def report(self, job: Job, outcome: JobOutcome) -> None:
        """Tell LiveKit how the job has ended, once; a daemon after us must not begin it again."""
        if job.outcome is None:
            job.outcome = outcome
            self.note(job, ending=outcome.outcome, reason=outcome.error or outcome.reason)
            if self._link is not None and not job.fake:
                self._link.report_job(job.id, outcome.outcome, outcome.error)

    def report_running(self, job: Job) -> None:
        """Tell LiveKit that the job runs."""
        if self._link is not None and not job.fake:
            self._link.report_job(job.id, "running")

    def close(self, job: Job, outcome: JobOutcome) -> None:
        """The job is over as it has told itself."""
        self.end(job, outcome.outcome, outcome.error or outcome.reason)

    def end(self, job: Job, ending: Ending, reason: str) -> None:
        """The job is over, for this stated reason."""
        job.end(ending, reason)
        count(JOBS_ENDED, ending=ending)
        if job.assignment is not None:
            observe(JOB_DURATION, now() - job.offered_at)
        self._jobs.pop(job.id, None)
        if not self._jobs:
            self._empty.set()
        self._ledger.record_job(job.id, "ended", ending=ending, reason=reason)
        logger.log(
            logging.INFO if ending in ("completed", "rejected") else logging.ERROR,
            "job ended",
            extra={
                "action": "job_ended",
                "job": job.id,
                "room": job.room,
                "ending": ending,
                "reason": reason,
                "resumes": job.resumes,
                "seconds": round(now() - job.offered_at, 3),
            },
        )
        self.on_end(job)


def _ignore(_job: Job) -> None:
    return
