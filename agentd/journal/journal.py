"""The journal as the daemon sees it: say what happened, ask what was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar, Unpack

from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.timing import wall_time
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import MAX_SNAPSHOT_BYTES, JobState
from agentd.settings.model import JournalSettings

from .backlog import Backlog
from .fallback import FallbackStore
from .records import (
    ClaimRecord,
    EventRecord,
    Fields,
    JobFacts,
    JobRecord,
    PostMortem,
    Query,
    SnapshotRecord,
)
from .store import Store
from .writer import Writer

logger = logging.getLogger("agentd.journal")

FILE_NAME = "journal.db"
"""The journal's name in the state directory."""

OPEN_TIMEOUT = 2.0
READ_TIMEOUT = 2.0
CLOSE_TIMEOUT = 5.0

T = TypeVar("T")


class JournalView(Struct, frozen=True, kw_only=True):
    """The journal at one moment, for status pages."""

    kept: Literal["disk", "memory"]
    problem: str
    """Why it is not on disk."""
    waiting: int
    """Records that wait to be written."""


class Journal:
    """Remembers jobs, events, snapshots, claims and post-mortems; made by `Journal.open`.

    The `record_*` methods return at once and raise nothing, whatever the disk does. Those of
    jobs and snapshots belong to the event loop's thread; events and post-mortems may come
    from any. Reads see all that was recorded before them; when the disk does not answer in
    time they tell what memory knows: every unfinished job, and little history.
    """

    def __init__(
        self, path: Path, settings: JournalSettings, *, clock: Callable[[], float] = wall_time
    ) -> None:
        self._path = path
        self._clock = clock
        self._backlog = Backlog()
        self._store = FallbackStore(path, clock)
        self._writer = Writer(self._store, self._backlog, settings, clock)
        self._unfinished: dict[JobId, JobRecord] = {}
        self._dropping = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, settings: JournalSettings, *, clock: Callable[[], float] = wall_time
    ) -> AsyncIterator[Journal]:
        """Open or create the journal; on leaving, write what waits and close it.

        Never fails: a damaged file is moved aside, and where the disk can't be used the
        journal is kept in memory and the disk tried again. `clock` gives seconds since the
        epoch.
        """
        journal = cls(path, settings, clock=clock)
        await journal.start()
        try:
            yield journal
        finally:
            await journal.aclose()

    async def start(self) -> None:
        """Begin; once. Returns when the unfinished jobs are known, or after OPEN_TIMEOUT."""
        self._writer.start()
        if not await self._wait(self._writer.opened, OPEN_TIMEOUT, "opened"):
            self._store.too_late = True
            return
        self._unfinished = {job.id: job for job in self._store.memory.unfinished_jobs()}

    async def aclose(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Write what waits and close, within `timeout` seconds. May be repeated."""
        self._backlog.close()
        await self._wait(self._writer.ended, timeout, "closed")

    # -- recording -------------------------------------------------------------------

    def record_job(
        self, job_id: JobId, state: JobState | None = None, **facts: Unpack[JobFacts]
    ) -> JobRecord | None:
        """Note what is new about a job: its state (the time is put beside it), other facts.

        A job that is not known begins with the state given; without one it is left alone, as
        is one that has ended. Returns the job as it is now, None for one left alone.
        """
        job = self._unfinished.get(job_id)
        if job is None:
            if state is None:
                return None
            job = JobRecord(id=job_id, state=state)
        job = replace(job, **facts)
        if state is not None:
            job = replace(job, state=state, **{f"{state}_at": self._clock()})
        if job.unfinished:
            self._unfinished[job_id] = job
        else:
            self._unfinished.pop(job_id, None)
        self._note_room(self._backlog.put_job(job))
        return job

    def record_snapshot(self, job_id: JobId, version: int, data: bytes) -> bool:
        """Keep a job's latest snapshot; False when it is too large, or the job is not running.

        The one before stays when this one is refused.
        """
        if len(data) > MAX_SNAPSHOT_BYTES:
            logger.error(
                "a snapshot is too large and was not kept: a resume would begin with the one "
                "before",
                extra={
                    "action": "snapshot_too_large",
                    "job": job_id,
                    "bytes": len(data),
                    "limit": MAX_SNAPSHOT_BYTES,
                },
            )
            return False
        if job_id not in self._unfinished:
            return False
        record = SnapshotRecord(job=job_id, version=version, time=self._clock(), data=data)
        self._backlog.put_snapshot(record)
        return True

    def record_claim(self, dispatch: str, data: bytes) -> None:
        """Note that a dispatch is about to be made again; without `data`, that this is over.

        Whoever needs to know that it is written down awaits `flush`.
        """
        claim = ClaimRecord(dispatch=dispatch, time=self._clock(), data=data)
        self._note_room(self._backlog.put_claim(claim))

    def record_event(
        self,
        kind: str,
        text: str = "",
        *,
        job: str = "",
        child: str = "",
        fields: Fields | None = None,
    ) -> None:
        """Note something that happened; dropped and counted when too much waits already."""
        event = EventRecord(
            time=self._clock(),
            kind=kind,
            text=text,
            job=job,
            child=child,
            fields=dict(fields or {}),
        )
        self._note_room(self._backlog.put_event(event))

    def record_post_mortem(
        self,
        child: ChildId,
        text: str,
        *,
        job: str = "",
        pid: int | None = None,
        fields: Fields | None = None,
    ) -> None:
        """Note why a child ended that should not have."""
        record = PostMortem(
            time=self._clock(), child=child, text=text, job=job, pid=pid, fields=dict(fields or {})
        )
        self._note_room(self._backlog.put_post_mortem(record))

    def _note_room(self, room: bool) -> None:
        """Tell once when records begin to be dropped: the writer may hang and can't tell."""
        if self._dropping == (not room):
            return
        self._dropping = not room
        if not room:
            logger.error(
                "the journal can't keep up: events are dropped until it does, jobs are not",
                extra={"action": "journal_dropping", "path": str(self._path)},
            )

    # -- asking ----------------------------------------------------------------------

    async def unfinished_jobs(self) -> list[JobRecord]:
        """All jobs that have not ended, oldest first."""
        told = await self._ask_writer(lambda store: store.unfinished_jobs())
        # A writer that hangs with one record has not seen those after it; we have.
        return list(self._unfinished.values()) if told is None else told

    async def job(self, job_id: JobId) -> JobRecord | None:
        """One job."""
        return await self._ask(lambda store: store.job(job_id))

    async def jobs(self, limit: int = 100, before: JobId | None = None) -> list[JobRecord]:
        """Jobs, newest first; `before` is the last one of the page before."""
        return await self._ask(lambda store: store.jobs(limit, before))

    async def events(self, query: Query | None = None) -> list[EventRecord]:
        """Events, newest first."""
        return await self._ask(lambda store: store.events(query or Query()))

    async def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        """The latest snapshot of an unfinished job."""
        return await self._ask(lambda store: store.snapshot(job_id))

    async def claims(self) -> list[ClaimRecord]:
        """Claims that are not over, oldest first: those of an earlier daemon among them."""
        return await self._ask(lambda store: store.claims())

    async def post_mortems(self, query: Query | None = None) -> list[PostMortem]:
        """Post-mortems, newest first."""
        return await self._ask(lambda store: store.post_mortems(query or Query()))

    async def flush(self, timeout: float = READ_TIMEOUT) -> bool:
        """Wait until all that was recorded before is on disk; False if it could not be."""
        written = self._writer.ask(lambda _: not self._store.problem)
        if written is None or not await self._wait(written, timeout, "flushed"):
            return False
        return written.result()

    def view(self) -> JournalView:
        """The journal at this moment."""
        problem = self._store.problem
        return JournalView(
            kept="memory" if problem else "disk", problem=problem, waiting=self._backlog.waiting
        )

    async def _ask(self, read: Callable[[Store], T]) -> T:
        told = await self._ask_writer(lambda store: (read(store),))
        return read(self._store.memory) if told is None else told[0]

    async def _ask_writer(self, read: Callable[[Store], T]) -> T | None:
        """What the writer reads; None when it can't, or not in time."""
        answer = self._writer.ask(read)
        if answer is None or not await self._wait(answer, READ_TIMEOUT, "read"):
            return None
        error = answer.exception()
        if error is None:
            return answer.result()
        logger.error(
            "the journal could not answer, so memory does",
            exc_info=error,
            extra={"action": "journal_bug"},
        )
        return None

    async def _wait(self, future: Future[T], timeout: float, done_word: str) -> bool:
        """Wait for the writer; says whether it came, and logs when it did not."""
        # Not `wait_for`, which would cancel what the writer is about to say.
        done, _ = await asyncio.wait([asyncio.wrap_future(future)], timeout=timeout)
        if not done:
            logger.error(
                "the journal's disk does not answer: calls go on without it",
                extra={
                    "action": "journal_slow",
                    "path": str(self._path),
                    "reason": f"it was not {done_word} within {timeout:g} s",
                },
            )
        return bool(done)
