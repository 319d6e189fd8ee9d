"""Versions of the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentd.errors import JournalCorrupt, JournalTooNew
from agentd.journal.records import Query
from agentd.journal.schema import STEPS, migrate
from agentd.journal.sqlite import SqliteStore

VERSION_1 = """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
        room TEXT NOT NULL, agent_name TEXT NOT NULL, identity TEXT NOT NULL, url TEXT NOT NULL,
        worker_id TEXT NOT NULL, offered_at REAL, accepted_at REAL, assigned_at REAL,
        running_at REAL, resuming_at REAL, ended_at REAL, child TEXT NOT NULL, pid INTEGER,
        process_started INTEGER, resumes INTEGER NOT NULL, ending TEXT NOT NULL,
        reason TEXT NOT NULL, assignment BLOB NOT NULL);
    CREATE TABLE snapshots (job TEXT PRIMARY KEY, version INTEGER NOT NULL, time REAL NOT NULL,
        data BLOB NOT NULL);
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL,
        text TEXT NOT NULL, job TEXT NOT NULL, child TEXT NOT NULL, fields TEXT NOT NULL);
    CREATE TABLE post_mortems (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, child TEXT NOT NULL,
        job TEXT NOT NULL, pid INTEGER, text TEXT NOT NULL, fields TEXT NOT NULL);
    INSERT INTO jobs VALUES (7, 'AJ_old', 'running', 'lobby', 'clerk', 'agent-1', 'ws://here',
        'AW_1', 1.0, 1.1, 1.2, 1.3, NULL, NULL, 'c-1', 4711, 99, 0, '', '', x'746f6b656e');
    INSERT INTO snapshots VALUES ('AJ_old', 1, 2.0, x'68697374');
    INSERT INTO events VALUES (3, 1.3, 'job_assigned', 'to c-1', 'AJ_old', 'c-1', '{"slot": 2}');
    PRAGMA user_version = 1;
"""
"""A journal of the first version, made by hand: what a released agentd left on disks."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


def version_of(connection: sqlite3.Connection) -> int:
    """The version that a database says it has."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def make(path: Path, script: str) -> Path:
    """A database file from SQL."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def test_a_journal_of_the_first_version_goes_on_in_the_newest(tmp_path: Path) -> None:
    """An update of agentd loses no job."""
    path = make(tmp_path / "journal.db", VERSION_1)

    with closing(SqliteStore(path)) as store:
        (job,) = store.unfinished_jobs()
        snapshot = store.snapshot(job.id)
        events = store.events(Query(job="AJ_old"))
        claims = store.claims()

    assert (job.id, job.pid, job.assignment, job.boot) == ("AJ_old", 4711, b"token", "")
    assert snapshot is not None
    assert snapshot.data == b"hist"
    assert events[0].fields == {"slot": 2}
    assert claims == []
    with closing(sqlite3.connect(path)) as connection:
        assert version_of(connection) == len(STEPS)


def test_an_empty_database_gets_every_step(connection: sqlite3.Connection) -> None:
    """A new journal takes the way of the oldest one."""
    found = migrate(connection)

    assert found == 0
    assert version_of(connection) == len(STEPS)


def test_migrating_may_be_repeated(connection: sqlite3.Connection) -> None:
    """Each start does it."""
    migrate(connection)

    assert migrate(connection) == len(STEPS)


def test_a_step_that_fails_leaves_the_version_before(connection: sqlite3.Connection) -> None:
    """Half a step would be a version that nobody knows."""
    steps = [("CREATE TABLE a (x)",), ("CREATE TABLE b (x)", "CREATE TABLE a (x)")]

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, steps)

    assert version_of(connection) == 1
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]


def test_a_newer_version_is_not_touched(connection: sqlite3.Connection) -> None:
    """It belongs to an agentd that knows more; the message has the remedy."""
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")

    with pytest.raises(JournalTooNew, match="run the newer agentd, or move the file away"):
        migrate(connection)

    assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []


def test_a_database_of_somebody_else_is_no_journal(connection: sqlite3.Connection) -> None:
    """Its tables are not mixed with ours."""
    connection.execute("CREATE TABLE theirs (x)")

    with pytest.raises(JournalCorrupt, match="not a journal"):
        migrate(connection)
