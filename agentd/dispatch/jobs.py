"""The states of a job, the moves between them, and how often it may go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from agentd.protocol.ids import JobId
from agentd.protocol.job import (
    JobAnswer,
    JobAssignment,
    JobOutcome,
    JobState,
    Resume,
    ResumeReason,
)
from agentd.settings.model import JobSettings
from agentd.supervision.intensity import Intensity, add_restart

Ending = Literal["completed", "failed", "rejected", "lost"]
"""`rejected`: we declined. `lost`: accepted, but the assignment never came; or its daemon and
its child died, and there is nobody in the room any more to go on for."""

MOVES: dict[JobState, frozenset[JobState]] = {
    "offered": frozenset({"accepted", "ended"}),
    "accepted": frozenset({"assigned", "ended"}),
    "assigned": frozenset({"running", "resuming", "ended"}),
    "running": frozenset({"resuming", "ended"}),
    "resuming": frozenset({"running", "ended"}),
    "ended": frozenset(),
}


class Job:
    """One job, from the offer to its end."""

    def __init__(self, job_id: JobId, room: str, *, offered_at: float, fake: bool = False) -> None:
        self.id = job_id
        self.room = room
        self.fake = fake
        """A simulation: LiveKit knows nothing of it, and is told nothing."""
        self.state: JobState = "offered"
        self.offered_at = offered_at
        self.void = False
        """Whether the connection that the offer came on is gone: LiveKit asks somebody else."""
        self.outcome: JobOutcome | None = None
        """How it ended, once LiveKit has been told so."""
        self.ending: Ending | None = None
        self.reason = ""

        self.assignment: JobAssignment | None = None
        self.begun = False
        """Whether its entrypoint has been called in any child."""
        self.resumes = 0
        self.resumed_at: tuple[float, ...] = ()
        """When its process died, within the period of its policy."""
        self.resume_reason: ResumeReason = "crash"
        """Of the last resume."""
        self.running_since = 0.0
        """Wall time at which its entrypoint was last called."""
        self.lost_at = 0.0
        """Wall time at which it last lost its process, or was let go."""
        self.lost_why = ""
        self.snapshot_version = 0
        self.snapshot = b""

        self.since = offered_at
        """When its state began."""
        self.found = False
        """Whether an earlier daemon has begun it."""
        self.gone_at: float | None = None
        """Since when its caller is without its agent; None while there is one."""
        self.turns = 0
        self.latency: Mapping[str, float] = {}
        """See `JobView`."""
        self.earlier_turns = 0
        """Of `turns`, those in processes that it has left."""

    def move(self, state: JobState) -> None:
        """Go on to the next state; raises ValueError for a move that does not exist."""
        if state not in MOVES[self.state]:
            raise ValueError(f"job {self.id} can't go from {self.state} to {state}")
        self.state = state

    def end(self, ending: Ending, reason: str) -> None:
        """The job is over, for this stated reason."""
        self.move("ended")
        self.ending = ending
        self.reason = reason

    def past(self) -> Resume | None:
        """What the next child is given of its past; None when no entrypoint was called yet."""
        if not self.begun:
            return None
        return Resume(
            resumes=self.resumes,
            snapshot_version=self.snapshot_version,
            snapshot=self.snapshot,
            reason=self.resume_reason,
            began_at=self.running_since,
            lost_at=self.lost_at,
            why=self.lost_why,
        )


def resume_policy(settings: JobSettings, answer: JobAnswer) -> Intensity:
    """How often a job may be resumed: the app's word for this job, else the daemon's."""
    restarts = settings.max_resumes if answer.max_resumes is None else answer.max_resumes
    period = settings.resume_period if answer.resume_period is None else answer.resume_period
    return Intensity(restarts=restarts, period=period)


def count_resume(job: Job, policy: Intensity, now: float) -> str:
    """Note that the job wants to go on; says why it may not, or nothing."""
    job.resumed_at, allowed = add_restart(job.resumed_at, now, policy)
    if allowed:
        job.resumes += 1
        return ""
    if not policy.restarts:
        return "it may not be resumed"
    return f"it was resumed {policy.restarts} times within {policy.period:g} s"
