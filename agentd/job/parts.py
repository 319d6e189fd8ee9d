"""What one job consists of, put together in one place for the context and the runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from livekit import rtc
from livekit.protocol import agent

from agentd.aio.tasks import TaskOwner
from agentd.protocol.frames import ChildConfig
from agentd.protocol.job import JobAssignment, Resume, ResumeReason
from agentd.room.connect import Joiner
from agentd.room.fake import FakeRoom

from .departure import Departure
from .ending import AtEnd
from .http import HttpClient
from .listener import JobListener
from .process import JobProcess
from .servercalls import ServerCalls
from .shutdown import ShutdownRequest
from .state import JobState, SnapshotWriter, restore

FAKE_CALLER = "caller"
"""Who is in the room of a fake job: an agent that waits for a participant goes on."""


class SessionDirectory:
    """A directory for the job's files: made when first asked for, removed with the job."""

    def __init__(self) -> None:
        self._directory: TemporaryDirectory[str] | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        if self._directory is None:
            self._directory = TemporaryDirectory(prefix="agentd-job-")
        return Path(self._directory.name)

    def remove(self) -> None:
        """Remove it and what is in it. May be repeated; raises OSError."""
        if self._directory is not None:
            self._directory.cleanup()


@dataclass(frozen=True, kw_only=True)
class JobParts:
    """The pieces of one job."""

    process: JobProcess
    assignment: JobAssignment
    job: agent.Job
    room: rtc.Room
    joiner: Joiner
    calls: ServerCalls
    http: HttpClient
    shutdown: ShutdownRequest
    resumes: int
    resume_reason: ResumeReason
    listener: JobListener
    departure: Departure
    state: JobState
    snapshots: SnapshotWriter
    session: bytes = b""
    """What an earlier process had kept of the job's session."""
    at_end: AtEnd = field(default_factory=AtEnd)
    directory: SessionDirectory = field(default_factory=SessionDirectory)
    participant_tasks: TaskOwner = field(default_factory=lambda: TaskOwner("participants"))


def make_parts(
    assignment: JobAssignment,
    process: JobProcess,
    config: ChildConfig,
    shutdown: ShutdownRequest,
    listener: JobListener,
    resume: Resume | None = None,
    departure: Departure | None = None,
) -> JobParts:
    """The pieces of a job that was assigned. Needs a running loop; connects nothing."""
    kept = restore(assignment.job_id, resume)
    values = kept.state
    room = _room(assignment)
    snapshots = SnapshotWriter(assignment.job_id, values, listener.snapshot, kept.session)
    return JobParts(
        process=process,
        assignment=assignment,
        job=agent.Job.FromString(assignment.job),
        room=room,
        joiner=Joiner(room),
        calls=ServerCalls(config, room=assignment.room, fake=assignment.fake),
        http=HttpClient(config.http_proxy),
        shutdown=shutdown,
        resumes=resume.resumes if resume is not None else 0,
        resume_reason=resume.reason if resume is not None else "crash",
        listener=listener,
        departure=departure or Departure(),
        state=JobState(values, snapshots),
        snapshots=snapshots,
        session=kept.session,
    )


def _room(assignment: JobAssignment) -> rtc.Room:
    if assignment.fake:
        identity = assignment.answer.identity
        return FakeRoom(name=assignment.room, identity=identity, caller=FAKE_CALLER)
    return rtc.Room()
