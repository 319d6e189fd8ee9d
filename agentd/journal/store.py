"""The interface behind which records are kept: SQLite, memory, one day Redis."""

from __future__ import annotations

from typing import Protocol

from agentd.protocol.ids import JobId

from .records import Batch, ClaimRecord, EventRecord, JobRecord, PostMortem, Query, SnapshotRecord


class Store(Protocol):
    """Keeps records. Used by one thread at a time; every call may wait for a disk or a network.

    Each method raises JournalError when the store can't do it, JournalCorrupt when it can't
    be used at all any more; it is left as it was before the call.
    """

    def write(self, batch: Batch) -> None:
        """Keep all of a batch, or nothing of it.

        A job replaces its older record; one that ends loses its assignment and its snapshot,
        which are for resuming only. A snapshot replaces the older one of its job, and is
        dropped when its job is not unfinished. A claim that is over is forgotten.
        """
        ...

    def unfinished_jobs(self) -> list[JobRecord]:
        """All jobs that have not ended, oldest first."""
        ...

    def job(self, job_id: JobId) -> JobRecord | None:
        """One job."""
        ...

    def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]:
        """Jobs, newest first; `before` is the last one of the page before."""
        ...

    def events(self, query: Query) -> list[EventRecord]:
        """Events, newest first."""
        ...

    def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        """The latest snapshot of an unfinished job."""
        ...

    def claims(self) -> list[ClaimRecord]:
        """All claims that are not over, oldest first."""
        ...

    def post_mortems(self, query: Query) -> list[PostMortem]:
        """Post-mortems, newest first."""
        ...

    def size(self) -> int:
        """Bytes that the records take; may be an estimate."""
        ...

    def prune(self, limit: int, older_than: float | None = None) -> int:
        """Forget the oldest records, or those older than an instant; says how many.

        Forgets about `limit` of each kind, so that a call is short: repeat until it says 0.
        Unfinished jobs are never forgotten, nor what happened to them.
        """
        ...

    def close(self) -> None:
        """Let go of everything. May be repeated."""
        ...
