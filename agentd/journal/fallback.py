"""The disk while it works, memory while it does not: a `Store` that never fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from agentd.aio.timing import monotonic
from agentd.errors import JournalCorrupt, JournalError, JournalTooNew
from agentd.figures import count
from agentd.figures.families import JOURNAL_ERRORS
from agentd.protocol.ids import JobId
from agentd.supervision.backoff import Backoff

from .memory import InMemoryStore
from .records import (
    Batch,
    ClaimRecord,
    EventRecord,
    JobRecord,
    PostMortem,
    Query,
    SnapshotRecord,
)
from .sqlite import SqliteStore
from .sqlite_file import move_aside, salvage
from .store import Store

logger = logging.getLogger("agentd.journal")

RETRY_BASE = 1.0
RETRY_MAX_DELAY = 60.0
"""Seconds between two attempts to use a disk that failed; jittered."""

UNKNOWN_JOB = "the journal could not be read when the daemon started, so nobody went on with it"

T = TypeVar("T")


class FallbackStore:
    """Keeps records on disk, or in memory until the disk works again; raises nothing.

    Memory always has the working copy: the unfinished jobs, their latest snapshots, claims. So a
    disk that fails costs history only, and a new file begins with what matters.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self.memory = InMemoryStore()
        """The working copy; other threads may read it."""
        self.problem = ""
        """Why the disk is not used; empty while it is."""
        self.retry_at: float | None = None
        """When to call `try_disk` (`timing.monotonic`); None while the disk works."""
        self.too_late = False
        """Nobody waits any more to hear of the unfinished jobs of the last run."""
        self._path = path
        self._clock = clock
        self._disk: Store | None = None
        self._damage: JournalCorrupt | None = None
        self._opened = False
        self._backoff = backoff or Backoff(base=RETRY_BASE, cap=RETRY_MAX_DELAY)

    # -- the disk --------------------------------------------------------------------

    def try_disk(self) -> None:
        """Begin to use the disk, or go back to it."""
        self.retry_at = monotonic() + RETRY_MAX_DELAY  # also should this end in a bug
        try:
            disk = self._open()
        except JournalError as error:
            if not self._opened and not isinstance(error, JournalTooNew):
                self._begin_with(salvage(self._path))
            self._opened = True
            self._use_memory(error)
            return
        self._disk = disk
        self._opened = True
        self._backoff.reset()
        self.retry_at = None
        if self.problem:
            logger.warning(
                "the journal is on disk again",
                extra={
                    "action": "journal_recovered",
                    "path": str(self._path),
                    "was": self.problem,
                },
            )
        self.problem = ""

    def _open(self) -> SqliteStore:
        if self._damage is not None:
            self._move_aside(self._damage)
        try:
            return self._open_file()
        except JournalCorrupt as error:
            self._move_aside(error)
            return self._open_file()

    def _open_file(self) -> SqliteStore:
        disk = SqliteStore(self._path)
        try:
            self._reconcile(disk)
        except BaseException:
            disk.close()
            raise
        return disk

    def _reconcile(self, disk: Store) -> None:
        """Make memory and disk agree on what is unfinished; memory wins, for it is newer."""
        on_disk = disk.unfinished_jobs()
        if not self._opened:
            found = (disk.snapshot(job.id) for job in on_disk)
            snapshots = tuple(snapshot for snapshot in found if snapshot is not None)
            claims = tuple(disk.claims())
            self._begin_with(Batch(jobs=tuple(on_disk), snapshots=snapshots, claims=claims))
            if not self.too_late:
                return
        strangers = [job for job in on_disk if self.memory.job(job.id) is None]
        known = {claim.dispatch for claim in self.memory.claims()}
        over = [replace(each, data=b"") for each in disk.claims() if each.dispatch not in known]
        disk.write(Batch(jobs=tuple(self._ended(job) for job in strangers), claims=tuple(over)))
        disk.write(self.memory.everything())
        self.memory.forget_history()

    def _begin_with(self, left: Batch) -> None:
        """Take over what the last run left unfinished."""
        if self.too_late:
            # A claim can be finished later, too: who does it looks at the room first.
            left = Batch(jobs=tuple(self._ended(job) for job in left.jobs), claims=left.claims)
        self.memory.write(left)

    def _ended(self, job: JobRecord) -> JobRecord:
        """No job in limbo: one that nobody can have taken up is over."""
        now = self._clock()
        return replace(job, state="ended", ending="lost", reason=UNKNOWN_JOB, ended_at=now)

    def _move_aside(self, damage: JournalCorrupt) -> None:
        if not self._opened:
            self._begin_with(salvage(self._path))
        count(JOURNAL_ERRORS)
        moved_to = move_aside(self._path, self._clock())
        self._damage = None
        self._opened = True
        logger.error(
            "the journal was damaged: it was moved aside and a new one begun with the "
            "unfinished jobs",
            extra={
                "action": "journal_moved_aside",
                "reason": str(damage),
                "moved_to": str(moved_to),
                "jobs": len(self.memory.unfinished_jobs()),
            },
        )

    def _fail(self, error: JournalError) -> None:
        """The disk failed in the middle of things."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None
        if isinstance(error, JournalCorrupt):
            self._damage = error
            self.try_disk()  # at once: only this file is bad, the next one may be good
        else:
            self._use_memory(error)

    def _use_memory(self, error: JournalError) -> None:
        count(JOURNAL_ERRORS)
        delay = self._backoff.next_delay()
        self.retry_at = monotonic() + delay
        if self.problem == str(error):  # told already
            return
        self.problem = str(error)
        logger.error(
            "the journal is kept in memory: calls go on, but what happens now is lost if the "
            "daemon ends before the disk works again",
            extra={
                "action": "journal_degraded",
                "reason": self.problem,
                "path": str(self._path),
                "retry_in": round(delay, 1),
            },
        )

    # -- the store -------------------------------------------------------------------

    def write(self, batch: Batch) -> None:
        """See `Store.write`; memory takes what the disk doesn't."""
        self.memory.write(Batch(jobs=batch.jobs, snapshots=batch.snapshots, claims=batch.claims))
        history = Batch(events=batch.events, post_mortems=batch.post_mortems)
        if self._disk is None:
            self.memory.write(history)
            return
        try:
            self._disk.write(batch)
            self.memory.forget_history()
        except JournalError as error:
            self.memory.write(history)
            self._fail(error)

    def unfinished_jobs(self) -> list[JobRecord]:
        """See `Store.unfinished_jobs`."""
        return self._use(lambda store: store.unfinished_jobs())

    def job(self, job_id: JobId) -> JobRecord | None:
        """See `Store.job`."""
        return self._use(lambda store: store.job(job_id))

    def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]:
        """See `Store.jobs`."""
        return self._use(lambda store: store.jobs(limit, before))

    def events(self, query: Query) -> list[EventRecord]:
        """See `Store.events`."""
        return self._use(lambda store: store.events(query))

    def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        """See `Store.snapshot`."""
        return self._use(lambda store: store.snapshot(job_id))

    def claims(self) -> list[ClaimRecord]:
        """See `Store.claims`."""
        return self._use(lambda store: store.claims())

    def post_mortems(self, query: Query) -> list[PostMortem]:
        """See `Store.post_mortems`."""
        return self._use(lambda store: store.post_mortems(query))

    def size(self) -> int:
        """See `Store.size`."""
        return self._use(lambda store: store.size())

    def prune(self, limit: int, older_than: float | None = None) -> int:
        """See `Store.prune`."""
        return self._use(lambda store: store.prune(limit, older_than))

    def close(self) -> None:
        """See `Store.close`."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _use(self, call: Callable[[Store], T]) -> T:
        try:
            return call(self._current())
        except JournalError as error:
            self._fail(error)
        try:
            return call(self._current())
        except JournalError:  # a new file that fails too; the next write tells of it
            return call(self.memory)

    def _current(self) -> Store:
        return self.memory if self._disk is None else self._disk
