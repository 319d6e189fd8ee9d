"""Reads a journal that this process does not keep, without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from agentd.errors import JournalError
from agentd.protocol.ids import JobId

from .records import EventRecord, JobRecord, PostMortem, Query
from .schema import STEPS, version_of
from .sqlite_file import errors_of
from .sqlite_reading import SqliteReading


class Readable(Protocol):
    """What a `Store` has for looking."""

    def job(self, job_id: JobId) -> JobRecord | None: ...

    def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]: ...

    def events(self, query: Query) -> list[EventRecord]: ...

    def post_mortems(self, query: Query) -> list[PostMortem]: ...


class Onlooker:
    """Records asked for as from a `Journal`.

    For programs with nothing else to do meanwhile: every call waits for the disk.
    """

    def __init__(self, reading: Readable) -> None:
        self._reading = reading

    async def job(self, job_id: JobId) -> JobRecord | None:
        """One job."""
        return self._reading.job(job_id)

    async def jobs(self, limit: int = 100, before: JobId | None = None) -> list[JobRecord]:
        """Jobs, newest first."""
        return self._reading.jobs(limit, before)

    async def events(self, query: Query | None = None) -> list[EventRecord]:
        """Events, newest first."""
        return self._reading.events(query or Query())

    async def post_mortems(self, query: Query | None = None) -> list[PostMortem]:
        """Post-mortems, newest first."""
        return self._reading.post_mortems(query or Query())


@contextmanager
def look_into(path: Path) -> Iterator[Onlooker]:
    """A journal's file, for looking only; raises JournalError when it can't be read."""
    with open_for_looking(path) as connection:
        with errors_of(path):
            version = version_of(connection)
        if version != len(STEPS):
            raise JournalError(
                f"'{path}' has version {version}, and this agentd reads {len(STEPS)}: "
                "a daemon brings it up to date when it starts"
            )
        yield Onlooker(SqliteReading(path, connection))


@contextmanager
def open_for_looking(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can't write; raises JournalError."""
    with errors_of(path):
        connection = sqlite3.connect(f"file:{quote(str(path))}?{_how(path)}", uri=True)
    with closing(connection):
        yield connection


def _how(path: Path) -> str:
    """Whoever has it open in WAL mode has a log beside it: without one, nobody writes.

    Then it can be read without a lock, which would leave files behind.
    """
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
