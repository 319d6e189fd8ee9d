"""What is written down: plain data. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from msgspec import Struct
from msgspec.structs import replace

from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobState

Ending = Literal["", "completed", "failed", "rejected", "lost"]
"""Empty until the job has ended."""

Fields = Mapping[str, Any]
"""Details for people: anything that JSON can carry; what it can't is written as its repr."""


class JobRecord(Struct, frozen=True, kw_only=True):
    """One job, as far as it is known."""

    id: JobId
    state: JobState
    room: str = ""
    agent_name: str = ""
    identity: str = ""
    url: str = ""
    worker_id: str = ""
    offered_at: float | None = None
    accepted_at: float | None = None
    assigned_at: float | None = None
    running_at: float | None = None
    """When it last began to run: in its first child, or in the one that resumed it."""
    resuming_at: float | None = None
    """When its child was last lost."""
    ended_at: float | None = None
    child: ChildId = ChildId("")
    pid: int | None = None
    process_started: int | None = None
    """Start of that process in clock ticks since boot (field 22 of /proc/PID/stat); together
    with `pid` and `boot` it names one process for ever, while a pid alone is recycled."""
    boot: str = ""
    """The machine's boot (/proc/sys/kernel/random/boot_id)."""
    resumes: int = 0
    """How often it has gone on in another child."""
    ending: Ending = ""
    reason: str = ""
    """Why it ended."""
    assignment: bytes = b""
    """What a resume needs (`protocol.job.JobAssignment`, msgpack). Holds a token, so it is
    dropped when the job ends."""

    @property
    def unfinished(self) -> bool:
        return self.state != "ended"

    def __repr__(self) -> str:
        # Records end up in tracebacks and debug logs; the token must not.
        return f"JobRecord({self.id!r}, state={self.state!r}, room={self.room!r}, ...)"


def settled(job: JobRecord) -> JobRecord:
    """The job as it may be kept: one that has ended needs no assignment, which is a secret."""
    return job if job.unfinished else replace(job, assignment=b"")


class JobFacts(TypedDict, total=False):
    """What may be said of a job beside its state; see `JobRecord`."""

    room: str
    agent_name: str
    identity: str
    url: str
    worker_id: str
    child: ChildId
    pid: int | None
    process_started: int | None
    boot: str
    resumes: int
    ending: Ending
    reason: str
    assignment: bytes


class EventRecord(Struct, frozen=True, kw_only=True):
    """Something that happened."""

    time: float
    kind: str
    """The same word as the `action` of the log line, such as `child_failed`."""
    text: str = ""
    job: str = ""
    child: str = ""
    fields: Fields = {}
    seq: int = 0
    """Its number, given by the store; for paging."""


class SnapshotRecord(Struct, frozen=True, kw_only=True):
    """The latest state of a job that another child could go on from."""

    job: JobId
    version: int
    """Of the document; who wrote it judges whether it can still be read."""
    time: float
    data: bytes

    def __repr__(self) -> str:
        # It is a conversation: not for logs.
        return f"SnapshotRecord({self.job!r}, version={self.version}, {len(self.data)} bytes)"


class ClaimRecord(Struct, frozen=True, kw_only=True):
    """A dispatch that is being deleted, to be made again: whoever starts next finishes that."""

    dispatch: str
    """Id of the one that is deleted."""
    time: float
    data: bytes = b""
    """What it takes to make it again (`dispatch.claim.Begun`, msgpack); empty once that is
    over, and then the record is not kept."""

    def __repr__(self) -> str:
        # The dispatch's metadata may be anything: not for logs.
        return f"ClaimRecord({self.dispatch!r}, {len(self.data)} bytes)"


class PostMortem(Struct, frozen=True, kw_only=True):
    """Why a child ended that should not have."""

    time: float
    child: str
    text: str
    """One line: what, why, and what happens next."""
    job: str = ""
    """Empty when it had none."""
    pid: int | None = None
    fields: Fields = {}
    """Exit status, stacks, last lines, memory, age: whatever is known."""
    seq: int = 0
    """Its number, given by the store; for paging."""


class Query(Struct, frozen=True, kw_only=True):
    """Which events or post-mortems to read; newest first."""

    job: str = ""
    """Of this job only; empty for all."""
    child: str = ""
    """Of this child only; empty for all."""
    limit: int = 100
    before: int | None = None
    """Older than the record with this `seq`: the last one of the page before."""


class Batch(Struct, frozen=True, kw_only=True):
    """Records to be written together, or not at all. Jobs come first, so snapshots find theirs."""

    jobs: tuple[JobRecord, ...] = ()
    snapshots: tuple[SnapshotRecord, ...] = ()
    claims: tuple[ClaimRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()
    post_mortems: tuple[PostMortem, ...] = ()

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        kinds = (self.jobs, self.snapshots, self.claims, self.events, self.post_mortems)
        return sum(len(records) for records in kinds)
