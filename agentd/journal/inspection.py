"""How a journal's file is, told without changing it: for `agentd doctor`."""

from __future__ import annotations

import stat
from pathlib import Path

from msgspec import Struct

from .onlooker import open_for_looking
from .schema import version_of
from .sqlite_file import errors_of

MB = 2**20


class JournalFacts(Struct, frozen=True, kw_only=True):
    """A journal's file."""

    path: str
    version: int
    check: str
    """What SQLite's quick_check says: `ok`, or the first faults."""
    size_mb: float
    log_mb: float
    """Of the log beside it, which is written back now and then."""
    mode: int
    unfinished: int
    """Jobs that have not ended."""


def inspect(path: Path) -> JournalFacts:
    """Read all of it; raises JournalError, JournalCorrupt or JournalTooNew.

    Blocks for as long as the disk takes.
    """
    with errors_of(path):
        found = path.stat()
        log = path.with_name(f"{path.name}-wal")
        log_mb = log.stat().st_size / MB if log.exists() else 0.0
    with open_for_looking(path) as connection, errors_of(path):
        version = version_of(connection)
        faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
        unfinished = 0
        if version:
            ask = "SELECT count(*) FROM jobs WHERE state <> 'ended'"
            unfinished = int(connection.execute(ask).fetchone()[0])
    return JournalFacts(
        path=str(path),
        version=version,
        check="; ".join(" ".join(fault.split()) for fault in faults),
        size_mb=found.st_size / MB,
        log_mb=log_mb,
        mode=stat.S_IMODE(found.st_mode),
        unfinished=unfinished,
    )
