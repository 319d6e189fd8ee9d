"""Records in memory: what is left when the disk fails, and the store of most tests."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

from msgspec.structs import replace

from agentd.protocol.ids import JobId

from .records import (
    Batch,
    ClaimRecord,
    EventRecord,
    JobRecord,
    PostMortem,
    Query,
    SnapshotRecord,
    settled,
)

RECORD_BYTES = 500
"""What a small record takes, for the estimate of the size."""

RecordT = TypeVar("RecordT", EventRecord, PostMortem)


class InMemoryStore:
    """A `Store` with bounds: the oldest ended jobs, events and post-mortems make way.

    Unfinished jobs, their snapshots and claims are all kept: their number is that of the slots.
    Any thread may read it while another writes.
    """

    def __init__(
        self, *, max_ended: int = 1_000, max_events: int = 10_000, max_post_mortems: int = 200
    ) -> None:
        self._lock = Lock()
        self._jobs: dict[JobId, JobRecord] = {}
        self._snapshots: dict[JobId, SnapshotRecord] = {}
        self._claims: dict[str, ClaimRecord] = {}
        self._events = _Numbered[EventRecord](max_events)
        self._post_mortems = _Numbered[PostMortem](max_post_mortems)
        self._max_ended = max_ended

    def write(self, batch: Batch) -> None:
        """See `Store.write`."""
        with self._lock:
            for job in batch.jobs:
                self._jobs[job.id] = settled(job)
                if not job.unfinished:
                    self._snapshots.pop(job.id, None)
            for snapshot in batch.snapshots:
                if snapshot.job in self._jobs and self._jobs[snapshot.job].unfinished:
                    self._snapshots[snapshot.job] = snapshot
            for claim in batch.claims:
                if claim.data:
                    self._claims[claim.dispatch] = claim
                else:
                    self._claims.pop(claim.dispatch, None)
            self._events.add(batch.events)
            self._post_mortems.add(batch.post_mortems)
            if len(self._jobs) > self._max_ended:
                self._forget_jobs(self._ended()[: -self._max_ended])

    def unfinished_jobs(self) -> list[JobRecord]:
        """See `Store.unfinished_jobs`."""
        with self._lock:
            return [job for job in self._jobs.values() if job.unfinished]

    def job(self, job_id: JobId) -> JobRecord | None:
        """See `Store.job`."""
        with self._lock:
            return self._jobs.get(job_id)

    def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]:
        """See `Store.jobs`."""
        with self._lock:
            order = list(self._jobs)
            if before is not None:
                order = order[: order.index(before)] if before in self._jobs else []
            return [self._jobs[job_id] for job_id in reversed(order[-limit:] if limit else [])]

    def events(self, query: Query) -> list[EventRecord]:
        """See `Store.events`."""
        with self._lock:
            return self._events.page(query)

    def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        """See `Store.snapshot`."""
        with self._lock:
            return self._snapshots.get(job_id)

    def claims(self) -> list[ClaimRecord]:
        """See `Store.claims`."""
        with self._lock:
            return sorted(self._claims.values(), key=lambda claim: claim.time)

    def post_mortems(self, query: Query) -> list[PostMortem]:
        """See `Store.post_mortems`."""
        with self._lock:
            return self._post_mortems.page(query)

    def size(self) -> int:
        """See `Store.size`: an estimate."""
        with self._lock:
            records = len(self._jobs) + len(self._events) + len(self._post_mortems)
            data = sum(len(snapshot.data) for snapshot in self._snapshots.values())
            return RECORD_BYTES * records + data

    def prune(self, limit: int, older_than: float | None = None) -> int:
        """See `Store.prune`."""
        cutoff = math.inf if older_than is None else older_than
        with self._lock:
            unfinished = {job.id for job in self._jobs.values() if job.unfinished}
            removed = self._events.prune(limit, cutoff, unfinished)
            removed += self._post_mortems.prune(limit, cutoff, unfinished)
            old = [job for job in self._ended() if (job.ended_at or 0.0) < cutoff][:limit]
            self._forget_jobs(old)
            return removed + len(old)

    def close(self) -> None:
        """See `Store.close`."""

    # -- as the working copy of another store ------------------------------------------

    def everything(self) -> Batch:
        """All that is kept, for a store that can keep it longer."""
        with self._lock:
            return Batch(
                jobs=tuple(self._jobs.values()),
                snapshots=tuple(self._snapshots.values()),
                claims=tuple(self._claims.values()),
                events=self._events.all(),
                post_mortems=self._post_mortems.all(),
            )

    def forget_history(self) -> None:
        """Keep what the next daemon needs only: the rest is safe elsewhere."""
        with self._lock:
            self._forget_jobs(self._ended())
            self._events.clear()
            self._post_mortems.clear()

    def _ended(self) -> list[JobRecord]:
        return [job for job in self._jobs.values() if not job.unfinished]

    def _forget_jobs(self, jobs: Iterable[JobRecord]) -> None:
        for job in jobs:
            del self._jobs[job.id]


class _Numbered(Generic[RecordT]):
    """Records with a number each, oldest first, bounded."""

    def __init__(self, capacity: int) -> None:
        self._records: deque[RecordT] = deque(maxlen=capacity)
        self._last = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Iterable[RecordT]) -> None:
        for record in records:
            self._last += 1
            self._records.append(replace(record, seq=self._last))

    def all(self) -> tuple[RecordT, ...]:
        return tuple(self._records)

    def clear(self) -> None:
        self._records.clear()

    def page(self, query: Query) -> list[RecordT]:
        matching = (record for record in reversed(self._records) if _matches(record, query))
        return list(islice(matching, query.limit))

    def prune(self, limit: int, cutoff: float, protected: set[JobId]) -> int:
        old = (record for record in self._records if record.time < cutoff)
        gone = {id(record) for record in islice(_outside(old, protected), limit)}
        kept = [record for record in self._records if id(record) not in gone]
        self._records.clear()
        self._records.extend(kept)
        return len(gone)


def _outside(records: Iterable[RecordT], jobs: set[JobId]) -> Iterator[RecordT]:
    return (record for record in records if record.job not in jobs)


def _matches(record: EventRecord | PostMortem, query: Query) -> bool:
    return (
        (not query.job or record.job == query.job)
        and (not query.child or record.child == query.child)
        and (query.before is None or record.seq < query.before)
    )
