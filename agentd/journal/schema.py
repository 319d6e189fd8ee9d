"""The tables, and the steps from each version of them to the next.

A new database takes every step too, so each is tried by every test. A step that has been
released is never edited: append another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from agentd.errors import JournalCorrupt, JournalTooNew

_VERSION_1 = (
    # `seq` gives an order that clocks can't disturb; AUTOINCREMENT never reuses a number, so a
    # page that begins "before 17" stays right when 17 has been pruned.
    """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        room TEXT NOT NULL,
        agent_name TEXT NOT NULL,
        identity TEXT NOT NULL,
        url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        offered_at REAL,
        accepted_at REAL,
        assigned_at REAL,
        running_at REAL,
        resuming_at REAL,
        ended_at REAL,
        child TEXT NOT NULL,
        pid INTEGER,
        process_started INTEGER,
        resumes INTEGER NOT NULL,
        ending TEXT NOT NULL,
        reason TEXT NOT NULL,
        assignment BLOB NOT NULL
    )
    """,
    "CREATE INDEX jobs_unfinished ON jobs (seq) WHERE state <> 'ended'",
    "CREATE INDEX jobs_ended ON jobs (ended_at) WHERE state = 'ended'",
    """
    CREATE TABLE snapshots (
        job TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        time REAL NOT NULL,
        data BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        job TEXT NOT NULL,
        child TEXT NOT NULL,
        fields TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_of_job ON events (job, seq) WHERE job <> ''",
    "CREATE INDEX events_by_age ON events (time)",
    """
    CREATE TABLE post_mortems (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        child TEXT NOT NULL,
        job TEXT NOT NULL,
        pid INTEGER,
        text TEXT NOT NULL,
        fields TEXT NOT NULL
    )
    """,
)

_VERSION_2 = (
    # A pid and a start time name a process within one boot of the machine only.
    "ALTER TABLE jobs ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
)

_VERSION_3 = (
    # As few as the claims under way: a record goes when its claim is over.
    """
    CREATE TABLE claims (
        dispatch TEXT PRIMARY KEY,
        time REAL NOT NULL,
        data BLOB NOT NULL
    )
    """,
)

STEPS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""`STEPS[n]` leads from version n to n + 1; version 0 is an empty file."""


def version_of(connection: sqlite3.Connection, newest: int = len(STEPS)) -> int:
    """The version of a database, 0 for an empty one; changes nothing.

    Raises JournalTooNew for one from a newer agentd, JournalCorrupt for one that is not ours.
    """
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > newest:
        raise JournalTooNew(
            f"it has version {found}, and this agentd knows versions up to {newest}: "
            "run the newer agentd, or move the file away"
        )
    if found == 0 and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise JournalCorrupt("it is a database, but not a journal of agentd")
    return found


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = STEPS) -> int:
    """Bring a database to the newest version, each step whole or not at all; says from which.

    Raises as `version_of` does.
    """
    found = version_of(connection, len(steps))
    for version in range(found, len(steps)):
        _take_step(connection, version + 1, steps[version])
    return found


def _take_step(connection: sqlite3.Connection, version: int, step: Sequence[str]) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in step:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
