"""The spans of a job: how it came here, and what holds all that happens in it.

A job is one trace, in however many processes. The supervisor has made its ids; the first process
writes down the dispatch, and each that goes on what became of the one before, which has died with
its open spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentd.aio.timing import wall_time
from agentd.protocol.job import JobAssignment, JobOutcome, Resume
from agentd.protocol.trace import new_context, parse_traceparent

from .spans import NOTHING, Attributes, Span
from .switch import switch

if TYPE_CHECKING:
    from .recording import Recorder

ROOT, JOB, SESSION = "job_dispatch", "job_entrypoint", "agent_session"


class JobTrace:
    """Those of one job in this process."""

    def __init__(
        self,
        assignment: JobAssignment,
        resume: Resume | None,
        *,
        taken_at: float,
        attributes: Attributes,
        had_session: bool = False,
    ) -> None:
        """`taken_at` is when this process was given the job; `had_session`: the process before has
        kept a conversation."""
        self.span: Span = NOTHING
        self.assignment = assignment
        self._resume = resume
        self._taken_at = taken_at
        self._began_at = wall_time()
        self._attributes = {**attributes, "lk.job_id": assignment.job_id}
        self._had_session = had_session
        self._context = parse_traceparent(assignment.traceparent) or new_context()
        self._spans: list[Span] = []
        self._sessions: list[Span] = []
        self._links: dict[str, Span] = {}

    @property
    def life(self) -> int:
        """Number of this process among those of the job, from 0."""
        return 0 if self._resume is None else self._resume.resumes

    def record(self, recorder: Recorder) -> None:
        """Write its spans by this from now on; what has happened already is not lost."""
        if self._resume is None:
            root = self._dispatched(recorder)
        else:
            root = recorder.elsewhere(self._context.trace_id, self._context.span_id, root=ROOT)
            self._resumed(recorder, root, self._resume)
        self.span = recorder.start(
            JOB,
            {**self._attributes, **self._stages()},
            parent=root,
            at=self._first_at() if self._resume is None else self._began_at,
            links=self._linked(JOB),
            span_id=self._context.span_of(self.life, JOB),
        )
        self._spans.append(self.span)
        if self._resume is None:
            self._note_stages(self.span)

    def session_span(self, attributes: Attributes) -> Span:
        """Holds a session of the job; the first one's id is the one that is known before."""
        if switch.recorder is None:
            return NOTHING
        first = not self._sessions
        job_id = self.assignment.job_id
        session = switch.recorder.start(
            SESSION,
            {**attributes, "lk.job_id": job_id, "gen_ai.conversation.id": job_id},
            parent=self.span,
            links=self._linked(SESSION) if first else (),
            span_id=self._context.span_of(self.life, SESSION) if first else 0,
        )
        self._sessions.append(session)
        return session

    def leave(self) -> None:
        """The job goes on in another process, and this one is at its end."""
        for span in (*self._sessions, *self._spans):
            span.set({"agentd.handed_over": True})
            span.end()

    def end(self, outcome: JobOutcome | None = None) -> None:
        """The job is over here. May be repeated."""
        for span in self._spans:
            if outcome is not None:
                span.set({"lk.shutdown.reason": outcome.reason, "agentd.outcome": outcome.outcome})
                if outcome.outcome == "failed":
                    span.fail(outcome.error or "the job has failed")
            span.end()
        self._spans.clear()

    # -- how it came here --------------------------------------------------------------------

    def _first_at(self) -> float:
        return self.assignment.received_at or self._taken_at

    def _dispatched(self, recorder: Recorder) -> Span:
        root = recorder.root(
            ROOT,
            self._context.trace_id,
            self._context.span_id,
            {**self._attributes, **self._stages()},
            at=self._first_at(),
        )
        self._note_stages(root)
        root.end(at=self._began_at)
        return root

    def _stages(self) -> dict[str, float]:
        """Seconds between the stages of its dispatch; none for a job that goes on."""
        given = self.assignment
        if self._resume is not None or not given.received_at:
            return {}
        return {
            "lk.job.accept_latency": max(0.0, given.accepted_at - given.received_at),
            "lk.job.assignment_latency": max(0.0, given.assigned_at - given.accepted_at),
            "lk.job.launch_latency": max(0.0, self._taken_at - given.assigned_at),
            "lk.job.entrypoint_latency": max(0.0, self._began_at - self._taken_at),
            "lk.job.dispatch_latency": max(0.0, self._began_at - given.received_at),
        }

    def _note_stages(self, span: Span) -> None:
        given = self.assignment
        for event, at in (
            ("job_received", given.received_at),
            ("job_accepted", given.accepted_at),
            ("job_assigned", given.assigned_at),
            ("process_assigned", self._taken_at),
            ("entrypoint_started", self._began_at),
        ):
            if at:
                span.note(event, at=at)

    # -- how it goes on ----------------------------------------------------------------------

    def _resumed(self, recorder: Recorder, root: Span, resume: Resume) -> None:
        self._attributes |= {
            "agentd.resumes": resume.resumes,
            "agentd.resume.reason": resume.reason,
        }
        before = self.life - 1
        for name in (JOB, SESSION):
            span_id = self._context.span_of(before, name)
            self._links[name] = recorder.elsewhere(self._context.trace_id, span_id)
        lost_at = resume.lost_at or self._taken_at
        if resume.reason == "crash" and resume.began_at:
            self._stand_in(recorder, root, resume, lost_at)
        waited = recorder.start(
            "job_resume",
            {**self._attributes, "agentd.resume.why": resume.why},
            parent=root,
            at=lost_at,
            links=self._linked(JOB),
        )
        waited.note("process_assigned", at=self._taken_at)
        waited.end(at=self._began_at)

    def _stand_in(self, recorder: Recorder, root: Span, resume: Resume, lost_at: float) -> None:
        """What the process that died could not write down any more."""
        inside, why = root, resume.why or "its process died"
        attributes = {**self._attributes, "agentd.resumes": resume.resumes - 1}
        attributes |= {"agentd.process_died": True, "agentd.resume.reason": None}
        for name in (JOB, SESSION) if self._had_session else (JOB,):
            inside = recorder.start(
                name,
                attributes,
                parent=inside,
                at=resume.began_at,
                span_id=self._context.span_of(self.life - 1, name),
            )
            inside.fail(why)
            inside.end(at=max(lost_at, resume.began_at))

    def _linked(self, name: str) -> tuple[Span, ...]:
        return (self._links[name],) if name in self._links else ()


@contextmanager
def trace_job(trace: JobTrace) -> Iterator[JobTrace]:
    """Record a job, if anybody wants that: what is made within the block, and in tasks that are
    started there, belongs to it."""
    switch.turn_on(trace)
    try:
        with trace.span.current():
            yield trace
    finally:
        trace.end()
        switch.job = None


def session_span(attributes: Attributes) -> Span:
    """Holds a session, of the job where there is one."""
    job = switch.job
    if isinstance(job, JobTrace):
        return job.session_span(attributes)
    return NOTHING if switch.recorder is None else switch.recorder.start(SESSION, attributes)
