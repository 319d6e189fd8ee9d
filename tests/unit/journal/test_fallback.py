"""Disks and files that fail, for real, and what memory saves."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentd.journal.fallback import UNKNOWN_JOB, FallbackStore
from agentd.journal.records import Batch, Query
from agentd.journal.sqlite import SqliteStore
from agentd.protocol.ids import JobId
from tests.support.journal_records import (
    claim,
    ended_job,
    event,
    events,
    running_job,
    snapshot,
)

AJ_1 = JobId("AJ_1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.db"


def opened(path: Path) -> FallbackStore:
    """A journal, opened as a daemon's start does."""
    store = FallbackStore(path, lambda: 1_700_000_000.0)
    store.try_disk()
    return store


def filled(path: Path) -> Path:
    """A file with a running job, and closed."""
    with closing(SqliteStore(path)) as store:
        store.write(Batch(jobs=(running_job(),), snapshots=(snapshot(),), claims=(claim(),)))
        store.write(events(500))
    return path


def aside(path: Path) -> list[Path]:
    """The damaged files that were moved aside."""
    return sorted(path.parent.glob("journal.db.corrupt-*Z"))


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, in short."""
    return [record.__dict__["action"] for record in caplog.records]


def overwrite_header(path: Path) -> None:
    """No database any more."""
    with path.open("r+b") as file:
        file.write(b"not a database at all")


def overwrite_pages(path: Path) -> None:
    """All tables are gone but the one that lists them."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def cut_in_half(path: Path) -> None:
    """The end is missing."""
    os.truncate(path, path.stat().st_size // 2)


def cut_to_a_stump(path: Path) -> None:
    """Not even a header is left."""
    os.truncate(path, 50)


def replace_by_directory(path: Path) -> None:
    """Somebody mounted a volume at the wrong place."""
    path.unlink()
    path.mkdir()


def replace_by_other_database(path: Path) -> None:
    """A database, but not ours."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def drop_a_table(path: Path) -> None:
    """Somebody tidied up."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE snapshots")


@pytest.mark.parametrize(
    "damage",
    [
        overwrite_header,
        overwrite_pages,
        cut_in_half,
        cut_to_a_stump,
        replace_by_directory,
        replace_by_other_database,
        drop_a_table,
    ],
)
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    """The daemon starts, records, and keeps the evidence."""
    damage(filled(path))

    store = opened(path)
    store.write(Batch(events=(event("after"),)))

    store.close()
    assert len(aside(path)) == 1
    assert actions(caplog) == ["journal_moved_aside"]
    with closing(SqliteStore(path)) as again:
        assert again.events(Query())[0].text == "after"


def test_unfinished_jobs_are_saved_from_a_damaged_file(path: Path) -> None:
    """A table of history that is lost must not cost the calls their resume."""
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE post_mortems")

    store = opened(path)

    assert store.unfinished_jobs() == [running_job()]
    assert store.snapshot(AJ_1) == snapshot()
    assert store.claims() == [claim()]


def test_a_damaged_file_is_told_with_its_new_name(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever looks for it finds it."""
    path.write_bytes(b"not a database at all" * 100)

    opened(path)

    record = caplog.records[0].__dict__
    assert record["moved_to"] == str(aside(path)[0])
    assert "not a database" in record["reason"]
    assert record["levelno"] == logging.ERROR


def test_a_few_damaged_files_are_kept(path: Path) -> None:
    """A disk that damages one after the other is not filled with them too."""
    names = [f"journal.db.corrupt-2020010{day}T000000.000000Z" for day in range(1, 6)]
    for name in names:
        path.with_name(name).write_bytes(b"old")
    path.write_bytes(b"not a database at all" * 100)

    opened(path)

    assert [found.name for found in aside(path)][:2] == names[3:]
    assert len(aside(path)) == 3


def test_damage_found_while_running_costs_no_job(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new file begins with the unfinished jobs and their snapshots."""
    store = opened(filled(path))
    overwrite_pages(path)

    found = store.events(Query(limit=500))

    assert found == []
    assert actions(caplog) == ["journal_moved_aside"]
    assert store.problem == ""
    store.close()
    with closing(SqliteStore(path)) as again:
        assert again.unfinished_jobs() == [running_job()]
        assert again.snapshot(AJ_1) == snapshot()


def test_a_file_that_is_removed_while_running_is_made_again(path: Path) -> None:
    """Else all would be written to a file that nobody can find any more."""
    store = opened(filled(path))
    path.unlink()

    store.write(Batch(events=(event("after"),)))
    store.try_disk()

    store.close()
    with closing(SqliteStore(path)) as again:
        assert again.unfinished_jobs() == [running_job()]
        assert again.events(Query())[0].text == "after"


def test_a_newer_journal_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It would be read wrongly; the line has the remedy."""
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    store = opened(path)
    store.write(Batch(jobs=(running_job("AJ_2"),)))

    assert store.unfinished_jobs() == [running_job("AJ_2")]
    assert path.read_bytes() == before
    assert actions(caplog) == ["journal_degraded"]
    assert "run the newer agentd, or move the file away" in store.problem


def test_without_a_disk_it_goes_on_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same store, with a loud line that says what and why."""
    path = tmp_path / "missing" / "journal.db"

    store = opened(path)
    store.write(Batch(jobs=(running_job(),), events=(event("a"),)))

    assert store.unfinished_jobs() == [running_job()]
    assert store.events(Query())[0].text == "a"
    assert store.retry_at is not None
    assert actions(caplog) == ["journal_degraded"]
    assert str(path) in caplog.records[0].__dict__["reason"]


def test_what_memory_has_is_written_when_the_disk_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs, snapshots and events alike, and a line says so."""
    path = tmp_path / "missing" / "journal.db"
    store = opened(path)
    store.write(Batch(jobs=(running_job(),), snapshots=(snapshot(),), events=(event("a"),)))
    store.write(Batch(claims=(claim(),)))
    path.parent.mkdir()

    store.try_disk()

    assert actions(caplog) == ["journal_degraded", "journal_recovered"]
    assert store.retry_at is None
    store.close()
    with closing(SqliteStore(path)) as again:
        assert again.unfinished_jobs() == [running_job()]
        assert again.snapshot(AJ_1) == snapshot()
        assert again.claims() == [claim()]
        assert again.events(Query())[0].text == "a"


def test_the_same_fault_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that stays full is not news each minute."""
    store = opened(tmp_path / "missing" / "journal.db")

    store.try_disk()
    store.try_disk()

    assert actions(caplog) == ["journal_degraded"]


def test_a_job_that_nobody_went_on_with_is_ended(tmp_path: Path) -> None:
    """The disk came too late with it; no job stays in limbo."""
    path = tmp_path / "volume" / "journal.db"
    store = opened(path)
    path.parent.mkdir()
    filled(path)

    store.try_disk()

    job = store.job(AJ_1)
    assert job is not None
    assert (job.state, job.ending, job.reason) == ("ended", "lost", UNKNOWN_JOB)


def test_what_ended_in_memory_ends_on_disk(path: Path) -> None:
    """Memory is newer. A claim that is over must not be finished by the next daemon."""
    store = opened(filled(path))
    hidden = path.rename(path.with_name("hidden"))
    store.write(Batch(jobs=(ended_job(),), claims=(claim(data=b""),)))
    hidden.rename(path)

    store.try_disk()

    assert store.unfinished_jobs() == []
    assert store.claims() == []
    job = store.job(AJ_1)
    assert job is not None
    assert job.ending == "completed"


def test_the_file_is_for_our_eyes_only(path: Path) -> None:
    """There are tokens in it, and in the log beside it."""
    path.touch(0o644)

    store = opened(path)
    store.write(Batch(jobs=(running_job(),)))

    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}


def test_the_token_of_an_ended_job_is_nowhere_in_the_file(path: Path) -> None:
    """Deleted is not gone, unless the pages are wiped."""
    store = opened(filled(path))
    assert b"token" in path.read_bytes()

    store.write(Batch(jobs=(ended_job(),)))

    store.close()
    assert b"token" not in path.read_bytes()
    assert b"history" not in path.read_bytes()
