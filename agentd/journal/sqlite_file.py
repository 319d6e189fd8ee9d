"""The journal's file as a file: its mode, its faults, and what to do with a damaged one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from msgspec import Struct

from agentd.errors import JournalCorrupt, JournalError

from .records import Batch, ClaimRecord, JobRecord, SnapshotRecord
from .rows import to_record

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})

COMPANIONS = ("", "-wal", "-shm")
"""A database in WAL mode is three files; the log may hold what the main file lacks."""

NO_FILE = (0, 0)

KEPT_ASIDE = 3
"""Damaged files that are kept for whoever wants to look into them; older ones are removed."""

RecordT = TypeVar("RecordT", bound=Struct)


def make_private_file(path: Path) -> None:
    """Make it if it is missing, for our eyes only: there are tokens in it.

    SQLite gives the log beside it the same mode. Raises JournalCorrupt when the path is not
    a file, OSError when it can't be made.
    """
    if path.exists() and not path.is_file():
        raise JournalCorrupt(f"'{path}' is not a file")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def identity_of(path: Path) -> tuple[int, int]:
    """Tells a file from another one that was put in its place; zeros for none."""
    try:
        found = path.stat()
    except OSError:
        return NO_FILE
    return (found.st_dev, found.st_ino)


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Foreign errors become JournalCorrupt where the file is damaged, else JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        # The code is missing where Python, not SQLite, found the fault.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
        if code in DAMAGE:
            raise JournalCorrupt(f"'{path}' is damaged: {error}") from error
        raise JournalError(f"'{path}' can't be used: {error}") from error
    except OSError as error:
        raise JournalError(f"'{path}' can't be used: {error.strerror or error}") from error


def move_aside(path: Path, wall_time: float) -> Path:
    """Rename a damaged file and its companions; says to what. Raises JournalError."""
    stamp = datetime.fromtimestamp(wall_time, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    with errors_of(path):
        for suffix in COMPANIONS:
            companion = _beside(path, suffix)
            if companion.exists():
                companion.rename(_beside(target, suffix))
        _remove_old(path)
    return target


def _remove_old(path: Path) -> None:
    """Damage that comes again and again must not fill the disk."""
    kept = sorted(
        found
        for found in path.parent.glob(f"{path.name}.corrupt-*Z")
        if found.is_file()  # a directory was somebody else's
    )
    for old in kept[:-KEPT_ASIDE]:
        for suffix in COMPANIONS:
            _beside(old, suffix).unlink(missing_ok=True)


def salvage(path: Path) -> Batch:
    """The unfinished jobs, their snapshots, and claims, as far as the file can still be read.

    For one that is damaged, or can't be written. Never raises JournalError.
    """
    for how in _ways_to_read(path) if path.is_file() else ():
        jobs = tuple(_readable(path, how, "jobs WHERE state <> 'ended'", JobRecord))
        claims = tuple(_readable(path, how, "claims", ClaimRecord))
        if jobs or claims:
            snapshots = tuple(_readable(path, how, "snapshots", SnapshotRecord))
            return Batch(jobs=jobs, snapshots=snapshots, claims=claims)
    return Batch()


def _ways_to_read(path: Path) -> Iterator[str]:
    yield "mode=ro"
    log = _beside(path, "-wal")
    # `immutable` reads without a lock file, as a read-only disk needs it, but ignores the log.
    if identity_of(log) == NO_FILE or not log.stat().st_size:
        yield "mode=ro&immutable=1"


def _readable(path: Path, how: str, table: str, kind: type[RecordT]) -> Iterator[RecordT]:
    """Rows up to the first that can't be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as connection:
            found = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in found.description]
            for row in found:
                yield to_record(kind, columns, row)
    except (sqlite3.Error, JournalError):
        return  # the caller has told of the fault; here every row is a gain


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
