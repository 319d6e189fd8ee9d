"""JobReport: what a job tells its supervisor, kept so that the next one can be told too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from agentd.io.session_side import SessionSide
from agentd.masking import blotted, masked
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    Frame,
    HandedOver,
    Hello,
    JobBack,
    JobClosing,
    JobEnded,
    JobStarted,
    Snapshot,
)
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobAssignment, JobOutcome, Resume

from .supervisor_line import SupervisorLine

logger = logging.getLogger("agentd.child")


class JobReport:
    """Hears the job and passes on what it hears. `noted` is set by the supervisor's word."""

    def __init__(
        self, assignment: JobAssignment, line: SupervisorLine, resume: Resume | None = None
    ) -> None:
        self.noted = asyncio.Event()
        """That the supervisor knows the outcome."""
        self._assignment = assignment
        self._job_id = assignment.job_id
        self._resumes = resume.resumes if resume is not None else 0
        self._line = line
        self._started = False
        self._back = resume is None
        self._told_secret = False
        self._snapshot: Snapshot | None = None
        self._closing: JobClosing | None = None
        self._ended: JobEnded | None = None

    # -- what the job says -------------------------------------------------------------

    def started(self) -> None:
        self._started = True
        self._line.send(JobStarted(job_id=self._job_id))

    def back(self) -> None:
        """It is in its room again; said once, and only of a job that goes on."""
        if not self._back:
            self._back = True
            self._line.send(JobBack(job_id=self._job_id))

    def handed_over(self, refusal: str) -> bool:
        """It was let go of for another process, or why not; False if there is no supervisor."""
        return self._line.send(HandedOver(job_id=self._job_id, refusal=masked(refusal)))

    def snapshot(self, version: int, data: bytes) -> None:
        if self._ended is not None:
            return
        self._snapshot = Snapshot(job_id=self._job_id, version=version, data=self._blotted(data))
        self._line.send(self._snapshot)

    def session(self, session: SessionSide) -> None:
        """Nothing that the supervisor would want to know."""

    async def closing(self, outcome: JobOutcome) -> None:
        """Wait for the supervisor to know, if there is one; the caller sets the deadline."""
        self._closing = JobClosing(job_id=self._job_id, outcome=outcome)
        if self._line.send(self._closing):
            await self.noted.wait()

    def ended(self, outcome: JobOutcome) -> None:
        self._ended = JobEnded(job_id=self._job_id, outcome=outcome)
        self._line.send(self._ended)

    @property
    def has_ended(self) -> bool:
        """Whether the job is over."""
        return self._ended is not None

    def _blotted(self, data: bytes) -> bytes:
        """What is written down holds no key: a process that goes on gets its own."""
        clean = blotted(data)
        if clean != data and not self._told_secret:
            self._told_secret = True
            logger.warning(
                "a known secret is in the state or the conversation of the job; what is kept for "
                "a resume has asterisks in its place",
                extra={"action": "secret_in_snapshot", "job_id": self._job_id},
            )
        return clean

    # -- what another supervisor is told -------------------------------------------------

    def hello(self, child_id: ChildId, pid: int) -> Hello:
        """First word to another supervisor."""
        return Hello(
            version=PROTOCOL_VERSION,
            child_id=child_id,
            pid=pid,
            job_id=self._job_id,
            started=self._started,
            resumes=self._resumes,
            assignment=self._assignment,
        )

    def say_again(self, hello: Hello) -> None:
        """Tell the supervisor that has adopted this child on that hello what it may not know."""
        for frame in self._worth_repeating(hello):
            self._line.send(frame)

    def _worth_repeating(self, hello: Hello) -> Iterator[Frame]:
        if self._started and not hello.started:
            yield JobStarted(job_id=self._job_id)
        if self._snapshot is not None:
            yield self._snapshot
        if self._closing is not None and not self.noted.is_set():
            yield self._closing
        if self._ended is not None:
            yield self._ended
