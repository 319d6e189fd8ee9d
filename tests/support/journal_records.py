"""Records with just enough in them."""

from __future__ import annotations

from agentd.journal.records import (
    Batch,
    ClaimRecord,
    EventRecord,
    JobRecord,
    PostMortem,
    SnapshotRecord,
)
from agentd.protocol.ids import JobId


def running_job(name: str = "AJ_1", *, at: float = 100.0) -> JobRecord:
    """A job with a token in it."""
    return JobRecord(
        id=JobId(name), state="running", room="lobby", offered_at=at, assignment=b"token"
    )


def ended_job(name: str = "AJ_1", *, at: float = 100.0) -> JobRecord:
    """The same job, over."""
    return JobRecord(
        id=JobId(name),
        state="ended",
        room="lobby",
        offered_at=at,
        ended_at=at,
        ending="completed",
        reason="room disconnected",
        assignment=b"token",
    )


def event(text: str, *, at: float = 100.0, job: str = "", child: str = "") -> EventRecord:
    """An event."""
    return EventRecord(
        time=at, kind="child_failed", text=text, job=job, child=child, fields={"code": 3}
    )


def events(count: int, *, at: float = 100.0, job: str = "") -> Batch:
    """Events of a second each, from an instant on."""
    return Batch(events=tuple(event(f"event {n}", at=at + n, job=job) for n in range(count)))


def snapshot(job: str = "AJ_1", data: bytes = b"history") -> SnapshotRecord:
    """A snapshot."""
    return SnapshotRecord(job=JobId(job), version=1, time=100.0, data=data)


def claim(dispatch: str = "AD_1", *, at: float = 100.0, data: bytes = b"to make") -> ClaimRecord:
    """A claim; without data, one that is over."""
    return ClaimRecord(dispatch=dispatch, time=at, data=data)


def post_mortem(child: str, *, at: float = 100.0, job: str = "") -> PostMortem:
    """A post-mortem."""
    return PostMortem(
        time=at, child=child, job=job, pid=17, text="was ended by SIGKILL", fields={"signal": 9}
    )
