"""The children as they are shown from outside, with what they use of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agentd.aio.timing import now
from agentd.dispatch.book import JobBook
from agentd.management.views import ChildEntry
from agentd.supervisor.child import Child
from agentd.supervisor.pool import Pool
from agentd.supervisor.procfs import Memory, process_memory

READ_AGAIN_AFTER = 2.0
"""Seconds that a figure of memory is good for: a status that is asked for often costs no more."""


class ChildList:
    """Lists them. Costs tens of microseconds a child, where its memory is read."""

    def __init__(
        self,
        pool: Pool,
        book: JobBook,
        *,
        measure: Callable[[int], Memory | None] = process_memory,
    ) -> None:
        self._pool = pool
        self._book = book
        self._measure = measure
        self._read_at = float("-inf")
        self._memory: dict[int, float | None] = {}

    def entries(self) -> tuple[ChildEntry, ...]:
        """All at this moment, by slot."""
        if now() - self._read_at > READ_AGAIN_AFTER:
            self._read_at = now()
            self._memory = {}
        return tuple(self._entries())

    def _entries(self) -> Iterator[ChildEntry]:
        for child in self._pool.children:
            job = self._book.get(child.job_id) if child.job_id is not None else None
            yield ChildEntry(
                id=child.id,
                slot=child.slot,
                state=child.state,
                pid=child.pid,
                job_id=child.job_id or "",
                room=job.room if job is not None else "",
                age=now() - child.started_at,
                memory_mb=self._memory_of(child),
                resumes=job.resumes if job is not None else 0,
                generation=child.generation,
                outdated=self._pool.is_outdated(child),
            )

    def _memory_of(self, child: Child) -> float | None:
        pid = child.pid
        if pid is None:
            return None
        if pid not in self._memory:
            memory = self._measure(pid)
            self._memory[pid] = None if memory is None else round(memory.private_mb, 1)
        return self._memory[pid]
