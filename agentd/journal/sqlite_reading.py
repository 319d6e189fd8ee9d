"""What is read from a journal's file, by the daemon or by somebody who only looks."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from agentd.protocol.ids import JobId

from .records import ClaimRecord, EventRecord, JobRecord, PostMortem, Query, SnapshotRecord
from .rows import (
    CLAIM_COLUMNS,
    EVENT_COLUMNS,
    JOB_COLUMNS,
    POST_MORTEM_COLUMNS,
    SNAPSHOT_COLUMNS,
    Row,
    to_record,
)
from .sqlite_file import errors_of


class SqliteReading:
    """The reading half of a `Store`, on a connection."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def unfinished_jobs(self) -> list[JobRecord]:
        """See `Store.unfinished_jobs`."""
        return self._jobs("WHERE state <> 'ended' ORDER BY seq")

    def job(self, job_id: JobId) -> JobRecord | None:
        """See `Store.job`."""
        return next(iter(self._jobs("WHERE id = ?", job_id)), None)

    def jobs(self, limit: int, before: JobId | None = None) -> list[JobRecord]:
        """See `Store.jobs`."""
        if before is None:
            return self._jobs("ORDER BY seq DESC LIMIT ?", limit)
        return self._jobs(
            "WHERE seq < (SELECT seq FROM jobs WHERE id = ?) ORDER BY seq DESC LIMIT ?",
            before,
            limit,
        )

    def _jobs(self, rest: str, *values: object) -> list[JobRecord]:
        rows = self._read(f"SELECT {', '.join(JOB_COLUMNS)} FROM jobs {rest}", values)
        return [to_record(JobRecord, JOB_COLUMNS, row) for row in rows]

    def events(self, query: Query) -> list[EventRecord]:
        """See `Store.events`."""
        columns = (*EVENT_COLUMNS, "seq")
        rows = self._page("events", columns, query)
        return [to_record(EventRecord, columns, row) for row in rows]

    def post_mortems(self, query: Query) -> list[PostMortem]:
        """See `Store.post_mortems`."""
        columns = (*POST_MORTEM_COLUMNS, "seq")
        rows = self._page("post_mortems", columns, query)
        return [to_record(PostMortem, columns, row) for row in rows]

    def _page(self, table: str, columns: Sequence[str], query: Query) -> list[Row]:
        # Spelled out instead of `:job = '' OR job = :job`, which would hide the index.
        wanted = {"job = ?": query.job, "child = ?": query.child, "seq < ?": query.before}
        given = {rule: value for rule, value in wanted.items() if value not in ("", None)}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        if query.job:
            where += " AND job <> ''"  # the index is for rows that have a job
        statement = f"SELECT {', '.join(columns)} FROM {table} {where} ORDER BY seq DESC LIMIT ?"
        return self._read(statement, (*given.values(), query.limit))

    def snapshot(self, job_id: JobId) -> SnapshotRecord | None:
        """See `Store.snapshot`."""
        statement = f"SELECT {', '.join(SNAPSHOT_COLUMNS)} FROM snapshots WHERE job = ?"
        rows = self._read(statement, (job_id,))
        return to_record(SnapshotRecord, SNAPSHOT_COLUMNS, rows[0]) if rows else None

    def claims(self) -> list[ClaimRecord]:
        """See `Store.claims`."""
        rows = self._read(f"SELECT {', '.join(CLAIM_COLUMNS)} FROM claims ORDER BY time")
        return [to_record(ClaimRecord, CLAIM_COLUMNS, row) for row in rows]

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        with errors_of(self._path):
            return self._connection.execute(statement, values).fetchall()
