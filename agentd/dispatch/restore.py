"""What a daemon does about the jobs that an earlier one has left: adopt, resume, or end them.

The journal says which jobs there were and which process each had. A process that still
lives keeps its job and comes back by itself; a job whose process is gone goes on in a new
child if there is still somebody in its room to go on for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from agentd.aio.timing import now, wall_time
from agentd.figures import count
from agentd.figures.families import JOBS_FOUND
from agentd.ipc.listener import Peer
from agentd.journal.records import JobRecord, SnapshotRecord
from agentd.protocol.frames import Hello
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobAssignment
from agentd.supervisor.child import Child
from agentd.supervisor.procfs import boot_id, process_started

from .book import JobBook
from .jobs import Job
from .running import RunningJobs

logger = logging.getLogger("agentd.dispatch")

_decoder = msgspec.msgpack.Decoder(JobAssignment)

WhyOver = Callable[[Job], Awaitable[str]]
"""Why nobody waits for a job's agent any more; empty where somebody does."""


class Memory(Protocol):
    """The journal, as far as the past is concerned."""

    async def unfinished_jobs(self) -> list[JobRecord]: ...

    async def snapshot(self, job_id: JobId) -> SnapshotRecord | None: ...


class Adopts(Protocol):
    """The pool, as far as children of another daemon are concerned."""

    def adopt(self, child_id: ChildId, pid: int) -> Child: ...


class Restorer:
    """Brings the jobs of an earlier daemon into this one."""

    def __init__(self, book: JobBook, running: RunningJobs, pool: Adopts) -> None:
        self._book = book
        self._running = running
        self._pool = pool

    async def adopt_living(self, memory: Memory) -> list[Job]:
        """Expect the children that live; returns the jobs of those that don't."""
        orphans: list[Job] = []
        adopted = 0
        records = await memory.unfinished_jobs()
        # All at once, and before a child is expected: a disk that hangs must not cost one of
        # them the time that it has to come back.
        snapshots = await asyncio.gather(*(memory.snapshot(record.id) for record in records))
        for record, kept in zip(records, snapshots, strict=True):
            job = self._job_of(record)
            if job is None:
                continue
            if kept is not None:
                job.snapshot_version, job.snapshot = kept.version, kept.data
            if record.pid is not None and is_alive(record):
                self._running.hold(job, self._pool.adopt(record.child, record.pid))
                adopted += 1
            else:
                orphans.append(job)
        count(JOBS_FOUND, adopted, process="alive")
        count(JOBS_FOUND, len(orphans), process="dead")
        if adopted or orphans:
            logger.warning(
                "an earlier daemon has left jobs",
                extra={"action": "jobs_found", "living": adopted, "orphaned": len(orphans)},
            )
        return orphans

    async def resume_orphans(self, orphans: list[Job], why_over: WhyOver) -> None:
        """Have jobs go on whose process died while there was no daemon."""
        async with asyncio.TaskGroup() as tasks:
            for job in orphans:
                tasks.create_task(self._resume_orphan(job, why_over))

    async def _resume_orphan(self, job: Job, why_over: WhyOver) -> None:
        if why := await why_over(job):
            self._book.end(job, "lost", f"its process died, and {why}")
        else:
            self._running.resume(job, "its process died while there was no daemon")

    def take_back(self, hello: Hello, peer: Peer) -> bool:
        """Adopt a child that the journal does not know; says whether that was possible."""
        assignment = hello.assignment
        if assignment is None or self._book.get(assignment.job_id) is not None:
            return False
        logger.warning(
            "a child that the journal does not know comes back with its job",
            extra={"action": "unknown_job_found", "job": assignment.job_id, "child_pid": peer.pid},
        )
        job = Job(assignment.job_id, assignment.room, offered_at=now())
        job.found = True
        count(JOBS_FOUND, process="alive")
        job.resumes = hello.resumes
        job.fake = assignment.fake
        self._book.open(job, "")
        self._book.move(job, "accepted")
        self._book.assigned(job, assignment)
        self._running.hold(job, self._pool.adopt(hello.child_id, peer.pid))
        return True

    def _job_of(self, record: JobRecord) -> Job | None:
        """The job as it was; None for one that had not come to run, which is ended here."""
        job = Job(record.id, record.room, offered_at=_instant(record.offered_at))
        job.state = record.state
        job.found = True
        self._book.take_over(job)
        if record.ending and not is_alive(record):
            self._book.end(job, record.ending, record.reason)
            return None
        try:
            if record.state in ("offered", "accepted"):
                raise ValueError("the daemon died before it was assigned")
            job.assignment = _decoder.decode(record.assignment)
        except (ValueError, msgspec.MsgspecError) as error:
            self._book.end(job, "lost", str(error))
            return None
        job.fake = job.assignment.fake
        job.resumes = record.resumes
        job.begun = record.running_at is not None
        job.running_since = record.running_at or 0.0
        return job


def is_alive(record: JobRecord) -> bool:
    """Whether the very process of a job still lives, not a stranger with its pid."""
    if record.pid is None or record.process_started is None:
        return False
    return record.boot == boot_id() and process_started(record.pid) == record.process_started


def _instant(wall: float | None) -> float:
    """An instant of the loop's clock for a time since the epoch."""
    return now() - max(0.0, wall_time() - wall) if wall is not None else now()
