"""Age and size."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from agentd.journal.records import Batch, Query
from agentd.journal.retention import STEP, Retention
from agentd.journal.sqlite import SqliteStore
from agentd.journal.store import Store
from agentd.settings.model import JournalSettings
from tests.support.journal_records import event, events, running_job

MIB = 1024 * 1024


def steps(retention: Retention, store: Store, *, now: float) -> int:
    """Go on until nothing is left to remove; says how many steps it took."""
    count = 1
    while retention.step(store, now):
        count += 1
    return count


def large(count: int, *, job: str = "") -> Batch:
    """Events of 10 kB each."""
    return Batch(events=tuple(event("x" * 10_000, at=float(n), job=job) for n in range(count)))


def test_what_is_too_old_goes_in_small_steps(tmp_path: Path) -> None:
    """Nothing that waits to be written waits long for it."""
    retention = Retention(JournalSettings(journal_max_age=100.0))

    with closing(SqliteStore(tmp_path / "journal.db")) as store:
        store.write(events(3 * STEP, at=0.0))
        taken = steps(retention, store, now=3 * STEP + 90.0)
        left = store.events(Query(limit=3 * STEP))

    assert [record.text for record in left][-1] == f"event {3 * STEP - 10}"
    assert taken == 4


def test_the_oldest_go_when_it_is_too_large(tmp_path: Path) -> None:
    """And a little more, so that it is not to do again with the next record."""
    retention = Retention(JournalSettings(journal_max_mb=10))

    with closing(SqliteStore(tmp_path / "journal.db")) as store:
        store.write(large(3000))
        assert store.size() > 10 * MIB
        steps(retention, store, now=0.0)
        size = store.size()
        newest = store.events(Query(limit=1))[0]

    assert 0.2 * 10 * MIB < size < 0.9 * 10 * MIB
    assert newest.time == 2999.0


def test_the_file_gives_its_room_back(tmp_path: Path) -> None:
    """The limit is one on the disk, not on what is in use within the file."""
    retention = Retention(JournalSettings(journal_max_mb=1))
    path = tmp_path / "journal.db"
    with closing(SqliteStore(path)) as store:
        store.write(large(1000))
    before = path.stat().st_size

    with closing(SqliteStore(path)) as store:
        steps(retention, store, now=0.0)

    assert path.stat().st_size < before / 2


def test_what_belongs_to_unfinished_jobs_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However large it is; a line tells, once."""
    retention = Retention(JournalSettings(journal_max_mb=1, journal_max_age=0.0))

    with closing(SqliteStore(tmp_path / "journal.db")) as store:
        store.write(Batch(jobs=(running_job(),)))
        store.write(large(200, job="AJ_1"))
        steps(retention, store, now=1e9)
        steps(retention, store, now=1e9)
        left = store.events(Query(limit=1000))

    assert len(left) == 200
    assert [record.__dict__["action"] for record in caplog.records] == ["journal_over_size"]
