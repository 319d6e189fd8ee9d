"""Records in a SQLite file: the store of a daemon that has a disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentd.errors import JournalCorrupt, JournalError

from .records import Batch, settled
from .rows import (
    CLAIM_COLUMNS,
    EVENT_COLUMNS,
    JOB_COLUMNS,
    POST_MORTEM_COLUMNS,
    SNAPSHOT_COLUMNS,
    Row,
    to_row,
)
from .schema import migrate, version_of
from .sqlite_file import errors_of, identity_of, make_private_file
from .sqlite_reading import SqliteReading

BUSY_TIMEOUT = 5.0
"""Seconds to wait for somebody who looks into the file with a tool of his own."""

WAL_LIMIT = 16 * 1024 * 1024
"""Bytes that the write-ahead log is cut back to once it has been larger."""

VACUUM_PAGES = 2048
"""Free pages given back to the disk with each pruning: 8 MiB."""

ROWS_A_STATEMENT = (100, 10, 1)
"""Python's lock is let go and fought for again with each statement, so a few large ones do."""

_OPEN_JOBS = "SELECT id FROM jobs WHERE state <> 'ended'"


class SqliteStore(SqliteReading):
    """A `Store` in one file, to be used by the thread that opened it.

    Write-ahead logging with synchronous=NORMAL: the disk is waited for at checkpoints only. A
    transaction outlives the death of the process, however it dies, for the kernel has it; a
    power cut can cost the last ones, never the file's consistency. A power cut ends the calls
    too, so there is nothing that FULL would save.
    """

    def __init__(self, path: Path) -> None:
        """Open or create; raises JournalCorrupt, JournalTooNew, else JournalError."""
        with errors_of(path):
            make_private_file(path)
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
            super().__init__(path, connection)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        if version_of(self._connection) == 0:  # first of all: a newer file is not touched
            execute("PRAGMA auto_vacuum = INCREMENTAL")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        execute("PRAGMA cell_size_check = ON")  # notice damage early
        execute("PRAGMA secure_delete = FAST")  # tokens and conversations leave no trace
        migrate(self._connection)
        self._check()
        self._identity = identity_of(self._path)

    def _check(self) -> None:
        """Look at what a resume depends on; the rest is noticed when it is read."""
        for table, columns in _TABLES.items():
            try:
                self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 1")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                    raise
                raise JournalCorrupt(f"'{self._path}' is no journal of agentd: {error}") from error
        for table in ("jobs", "snapshots"):
            for (found,) in self._connection.execute(f"PRAGMA quick_check({table})"):
                if found != "ok":
                    raise JournalCorrupt(f"'{self._path}' is damaged: {found}")

    # -- writing ---------------------------------------------------------------------

    def write(self, batch: Batch) -> None:
        """See `Store.write`."""
        if not batch:
            return
        if identity_of(self._path) != self._identity:
            raise JournalError(f"'{self._path}' was removed or replaced")
        jobs = [to_row(settled(job), JOB_COLUMNS) for job in batch.jobs]
        with self._transaction():
            self._put("jobs", JOB_COLUMNS, jobs, _REPLACE_JOB)
            ended = [(job.id,) for job in batch.jobs if not job.unfinished]
            self._connection.executemany("DELETE FROM snapshots WHERE job = ?", ended)
            self._connection.executemany(
                _PUT_SNAPSHOT,
                [(*to_row(record, SNAPSHOT_COLUMNS), record.job) for record in batch.snapshots],
            )
            self._put_claims(batch)
            self._put("events", EVENT_COLUMNS, [to_row(e, EVENT_COLUMNS) for e in batch.events])
            self._put(
                "post_mortems",
                POST_MORTEM_COLUMNS,
                [to_row(record, POST_MORTEM_COLUMNS) for record in batch.post_mortems],
            )

    def _put_claims(self, batch: Batch) -> None:
        begun = [to_row(claim, CLAIM_COLUMNS) for claim in batch.claims if claim.data]
        over = [(claim.dispatch,) for claim in batch.claims if not claim.data]
        self._put("claims", CLAIM_COLUMNS, begun, _REPLACE_CLAIM)
        self._connection.executemany("DELETE FROM claims WHERE dispatch = ?", over)

    def _put(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], conflict: str = ""
    ) -> None:
        marks = f"({', '.join('?' * len(columns))})"
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        start = 0
        for size in ROWS_A_STATEMENT:
            statement = head + ", ".join([marks] * size) + conflict
            while len(rows) - start >= size:
                values = [value for row in rows[start : start + size] for value in row]
                self._connection.execute(statement, values)
                start += size

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_of(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    # -- keeping it small ------------------------------------------------------------

    def size(self) -> int:
        """See `Store.size`: the pages in use, without what the log holds."""
        rows = self._read(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(rows[0][0])

    def prune(self, limit: int, older_than: float | None = None) -> int:
        """See `Store.prune`."""
        cutoff = self._oldest(limit) if older_than is None else older_than
        if cutoff is None:
            return 0
        with self._transaction():
            removed = sum(
                self._connection.execute(statement, (cutoff, limit)).rowcount
                for statement in _PRUNE
            )
        with errors_of(self._path):
            # Each page is a step without a row: `execute` takes the first only.
            self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        return removed

    def _oldest(self, limit: int) -> float | None:
        """The instant before which about `limit` records may go."""
        for statement in _AGES:
            times = self._read(statement, (limit,))
            if times:
                return float(times[-1][0]) + 1e-6  # that one too
        return None

    def close(self) -> None:
        """See `Store.close`; the log is merged into the file and removed."""
        try:
            self._connection.close()
        except sqlite3.Error:
            return  # a disk that is broken or full: the log is merged when it is opened next


_TABLES = {
    "jobs": JOB_COLUMNS,
    "snapshots": SNAPSHOT_COLUMNS,
    "claims": CLAIM_COLUMNS,
    "events": EVENT_COLUMNS,
    "post_mortems": POST_MORTEM_COLUMNS,
}

_REPLACE_JOB = " ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in JOB_COLUMNS if name != "id"
)

_REPLACE_CLAIM = " ON CONFLICT (dispatch) DO UPDATE SET time = excluded.time, data = excluded.data"

_PUT_SNAPSHOT = (
    f"INSERT OR REPLACE INTO snapshots ({', '.join(SNAPSHOT_COLUMNS)}) "
    f"SELECT ?, ?, ?, ? WHERE ? IN ({_OPEN_JOBS})"
)

_PRUNE = (
    f"DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? "
    f"AND job NOT IN ({_OPEN_JOBS}) ORDER BY time LIMIT ?)",
    f"DELETE FROM post_mortems WHERE seq IN (SELECT seq FROM post_mortems WHERE time < ? "
    f"AND job NOT IN ({_OPEN_JOBS}) ORDER BY time LIMIT ?)",
    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE state = 'ended' "
    "AND ended_at < ? ORDER BY ended_at LIMIT ?)",
)

_AGES = (
    f"SELECT time FROM events WHERE job NOT IN ({_OPEN_JOBS}) ORDER BY time LIMIT ?",
    "SELECT ended_at FROM jobs WHERE state = 'ended' AND ended_at NOT NULL ORDER BY ended_at "
    "LIMIT ?",
    f"SELECT time FROM post_mortems WHERE job NOT IN ({_OPEN_JOBS}) ORDER BY time LIMIT ?",
)
