"""A job as it travels between the supervisor and others, children above all: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from .ids import JobId

Outcome = Literal["completed", "failed"]

JobState = Literal["offered", "accepted", "assigned", "running", "resuming", "ended"]

ResumeReason = Literal["crash", "swap"]
"""Why a job goes on in another process: its own died, or it was moved onto new code."""

ATTRIBUTE_AGENT_NAME = "lk.agent.name"
"""Attribute of the agent's participant by which clients know which agent it is."""

MAX_SNAPSHOT_BYTES = 1024 * 1024
"""What a job may ask to have remembered: a long conversation is a tenth of it."""


class JobOffer(Struct, frozen=True, kw_only=True):
    """A job that LiveKit asks us to take."""

    job_id: JobId
    job: bytes
    """`livekit.protocol.agent.Job`, serialized."""
    room: str
    agent_name: str
    resuming: bool = False


class JobAnswer(Struct, frozen=True, kw_only=True):
    """What we say to an offer."""

    accept: bool
    terminate: bool = False
    """Only when declined: whether LiveKit should give the job up, not ask another worker."""
    name: str = ""
    identity: str = ""
    metadata: str = ""
    attributes: dict[str, str] = {}
    reason: str = ""
    """Why it was declined, for our own log."""
    max_resumes: int | None = None
    """Restart policy of this job, where it is not the daemon's: so many resumes ..."""
    resume_period: float | None = None
    """... within so many seconds."""


class JobAssignment(Struct, frozen=True, kw_only=True):
    """A job that is ours now."""

    job_id: JobId
    job: bytes
    """`livekit.protocol.agent.Job`, serialized."""
    room: str
    url: str
    token: str
    worker_id: str
    answer: JobAnswer
    fake: bool = False
    """Run without a LiveKit room (simulation, console, tests)."""
    traceparent: str = ""
    """W3C trace context that the job's spans belong to, in each process that runs it."""
    received_at: float = 0.0
    """Wall time of its offer; 0 where there was none."""
    accepted_at: float = 0.0
    assigned_at: float = 0.0

    def __repr__(self) -> str:
        # The token opens the room, and so may what the job's metadata holds: not for logs.
        return f"JobAssignment({self.job_id!r}, room={self.room!r}, ...)"


class Resume(Struct, frozen=True, kw_only=True):
    """What a job that goes on in another process is given of its past."""

    resumes: int
    """How often it has been resumed, this time included."""
    snapshot_version: int = 0
    snapshot: bytes = b""
    """The latest that the job had taken; empty when there was none."""
    reason: ResumeReason = "crash"
    began_at: float = 0.0
    """Wall time at which the process before had begun; 0 where that is not known."""
    lost_at: float = 0.0
    """Wall time at which it was found dead, or had let go."""
    why: str = ""
    """What became of it, for people."""

    def __repr__(self) -> str:
        # The snapshot is a conversation: not for logs.
        return f"Resume(resumes={self.resumes}, {len(self.snapshot)} bytes, {self.reason!r})"


class JobOutcome(Struct, frozen=True, kw_only=True):
    """How a job ended."""

    outcome: Outcome
    error: str = ""
    """One line, empty when it completed."""
    reason: str = ""
    """What ended it, such as `room disconnected` or the reason given to `ctx.shutdown`."""


class JobView(Struct, frozen=True, kw_only=True):
    """A job that is not over, at one moment: for whoever looks at the daemon."""

    id: str
    room: str
    state: JobState
    age: float
    """Seconds since the offer."""
    resumes: int = 0
    turns: int = 0
    """Turns of the user that the agent has answered."""
    latency: Mapping[str, float] = {}
    """Of the last one, seconds by stage (`e2e`, `eot`, `stt`, `llm`, `tts`), as far as known."""
    fake: bool = False
    """A simulation, of which LiveKit knows nothing."""
