"""Looking into a journal that somebody else keeps."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentd.errors import JournalCorrupt, JournalError
from agentd.journal.onlooker import look_into
from agentd.journal.records import Batch
from agentd.journal.sqlite import SqliteStore
from tests.support.journal_records import running_job


def ids_in(path: Path) -> list[str]:
    """The jobs that an onlooker sees."""
    with look_into(path) as journal:
        return [job.id for job in asyncio.run(journal.jobs())]


def test_a_journal_in_use_is_read_with_its_latest(tmp_path: Path) -> None:
    """What is only in the write-ahead log counts, and the writer writes on."""
    store = SqliteStore(tmp_path / "journal.db")
    store.write(Batch(jobs=(running_job("AJ_1"),)))

    first = ids_in(tmp_path / "journal.db")
    store.write(Batch(jobs=(running_job("AJ_2"),)))
    second = ids_in(tmp_path / "journal.db")

    assert (first, second) == (["AJ_1"], ["AJ_2", "AJ_1"])
    store.close()


def test_an_onlooker_holds_no_writer_up(tmp_path: Path) -> None:
    """Also while it looks."""
    store = SqliteStore(tmp_path / "journal.db")

    with look_into(tmp_path / "journal.db") as journal:
        asyncio.run(journal.jobs())
        store.write(Batch(jobs=(running_job("AJ_1"),)))

    assert ids_in(tmp_path / "journal.db") == ["AJ_1"]
    store.close()


def test_a_path_with_odd_letters_is_found(tmp_path: Path) -> None:
    """It becomes part of an address."""
    folder = tmp_path / "a?b#c %41 ä"
    folder.mkdir()
    store = SqliteStore(folder / "journal.db")
    store.write(Batch(jobs=(running_job("AJ_1"),)))
    store.close()

    assert ids_in(folder / "journal.db") == ["AJ_1"]


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    """Looking leaves nothing behind."""
    with pytest.raises(JournalError), look_into(tmp_path / "journal.db"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_an_older_journal_is_not_brought_up_to_date(tmp_path: Path) -> None:
    """That is for the daemon that keeps it."""
    path = tmp_path / "journal.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")

    with pytest.raises(JournalError, match="has version 1"), look_into(path):
        pass


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    """By its path."""
    (tmp_path / "journal.db").write_bytes(b"something else altogether" * 50)

    with pytest.raises(JournalCorrupt, match="journal.db"), look_into(tmp_path / "journal.db"):
        pass
