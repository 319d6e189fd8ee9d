"""The journal with its thread, on a real disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentd.journal.backlog import MAX_EVENTS
from agentd.journal.fallback import UNKNOWN_JOB
from agentd.journal.journal import FILE_NAME, Journal
from agentd.journal.loghandler import LOGGER, JournalHandler
from agentd.journal.records import Batch, Query
from agentd.journal.sqlite import SqliteStore
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import MAX_SNAPSHOT_BYTES
from agentd.settings.model import JournalSettings
from tests.support.journal_records import events, running_job

AJ_1 = JobId("AJ_1")


START = 1_700_000_000.0


class Clock:
    """Wall time that goes on by a second with each look; the writer looks too."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@asynccontextmanager
async def journal_in(folder: Path) -> AsyncIterator[Journal]:
    """A journal on a clock of its own."""
    async with Journal.open(folder / FILE_NAME, JournalSettings(), clock=Clock()) as journal:
        yield journal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal."""
    async with journal_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def held(tmp_path: Path, journal: Journal) -> Iterator[sqlite3.Connection]:
    """Somebody else holds the file's lock: each write hangs."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


async def test_each_state_of_a_job_has_its_time(journal: Journal) -> None:
    """What the record says and when, from the offer to the end."""
    journal.record_job(AJ_1, "offered", room="lobby", agent_name="clerk")
    journal.record_job(AJ_1, "accepted")
    journal.record_job(AJ_1, "assigned", assignment=b"token", identity="agent-1")
    journal.record_job(AJ_1, "running", child=ChildId("c-1"), pid=4711, process_started=99)
    journal.record_job(AJ_1, "resuming", resumes=1)
    journal.record_job(AJ_1, "ended", ending="failed", reason="was ended by SIGKILL")

    job = await journal.job(AJ_1)

    assert job is not None
    names = ("offered", "accepted", "assigned", "running", "resuming", "ended")
    times = [getattr(job, f"{name}_at") for name in names]
    assert [START, *times] == sorted({START, *times})
    assert (job.room, job.agent_name, job.identity) == ("lobby", "clerk", "agent-1")
    assert (job.child, job.pid, job.process_started, job.resumes) == ("c-1", 4711, 99, 1)
    assert (job.state, job.ending, job.reason) == ("ended", "failed", "was ended by SIGKILL")
    assert job.assignment == b""


async def test_a_fact_alone_leaves_the_state(journal: Journal) -> None:
    """A worker id that changes on reconnect is no new state."""
    before = journal.record_job(AJ_1, "running")

    journal.record_job(AJ_1, worker_id="AW_2")

    assert before is not None
    assert await journal.job(AJ_1) == replace(before, worker_id="AW_2")


async def test_a_fact_about_a_job_that_ended_is_left_out(journal: Journal) -> None:
    """It must not come to life again."""
    journal.record_job(AJ_1, "running")
    journal.record_job(AJ_1, "ended", ending="completed")

    noted = journal.record_job(AJ_1, worker_id="AW_2")

    assert noted is None
    assert await journal.unfinished_jobs() == []


async def test_the_next_daemon_finds_what_was_unfinished(tmp_path: Path) -> None:
    """Jobs with what a resume needs; facts recorded then go on from there."""
    async with journal_in(tmp_path) as first:
        first.record_job(AJ_1, "running", room="lobby", assignment=b"token")
        first.record_snapshot(AJ_1, 1, b"history")

    async with journal_in(tmp_path) as second:
        (job,) = await second.unfinished_jobs()
        kept = await second.snapshot(AJ_1)
        second.record_job(AJ_1, "resuming", resumes=1)
        later = await second.job(AJ_1)

    assert (job.room, job.assignment) == ("lobby", b"token")
    assert kept is not None
    assert (kept.version, kept.data) == (1, b"history")
    assert later is not None
    assert (later.room, later.assignment, later.resumes) == ("lobby", b"token", 1)


async def test_the_next_daemon_finds_the_claims_that_were_not_over(tmp_path: Path) -> None:
    """And those that were are gone."""
    async with journal_in(tmp_path) as first:
        first.record_claim("AD_1", b"to make")
        first.record_claim("AD_2", b"to make")
        first.record_claim("AD_1", b"")

    async with journal_in(tmp_path) as second:
        claims = await second.claims()

    assert [(claim.dispatch, claim.data) for claim in claims] == [("AD_2", b"to make")]


async def test_events_and_post_mortems_are_kept(journal: Journal) -> None:
    """Under the job that they are about."""
    journal.record_event("job_assigned", "to c-1", job=AJ_1, child="c-1", fields={"slot": 2})
    journal.record_post_mortem(
        ChildId("c-1"), "was ended by SIGKILL", job=AJ_1, pid=4711, fields={"signal": 9}
    )

    (event,) = await journal.events(Query(job=AJ_1))
    (post_mortem,) = await journal.post_mortems(Query(job=AJ_1))

    assert (event.kind, event.text, event.fields) == ("job_assigned", "to c-1", {"slot": 2})
    assert (post_mortem.child, post_mortem.pid) == ("c-1", 4711)
    assert post_mortem.fields == {"signal": 9}


async def test_a_snapshot_that_is_too_large_is_refused(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """The one before stays, and the line names size and limit."""
    journal.record_job(AJ_1, "running")
    journal.record_snapshot(AJ_1, 1, b"small")

    kept = journal.record_snapshot(AJ_1, 2, bytes(MAX_SNAPSHOT_BYTES + 1))

    found = await journal.snapshot(AJ_1)
    assert not kept
    assert found is not None
    assert found.data == b"small"
    assert caplog.records[0].__dict__["limit"] == MAX_SNAPSHOT_BYTES


async def test_a_snapshot_of_a_job_that_is_not_running_is_refused(journal: Journal) -> None:
    """It came late."""
    assert not journal.record_snapshot(AJ_1, 1, b"history")


async def test_a_query_that_no_store_can_answer_is_answered(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Reads raise nothing, and the writer goes on."""
    found = await journal.events(Query(before=2**80))

    assert found == []
    assert caplog.records[0].__dict__["action"] == "journal_bug"
    journal.record_event("tick")
    assert len(await journal.events()) == 1


async def test_any_thread_may_record_events(journal: Journal) -> None:
    """Log lines come from everywhere."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: journal.record_event("tick", str(number)), range(200)))

    found = await journal.events(Query(limit=200))
    assert sorted(int(event.text) for event in found) == list(range(200))


async def test_a_log_line_with_an_action_is_an_event(journal: Journal) -> None:
    """What the daemon says is said once, and can be read under the job."""
    logger = logging.getLogger(f"{LOGGER}.desk")
    handler = JournalHandler(journal)
    logging.getLogger(LOGGER).addHandler(handler)

    logger.error("job ended", extra={"action": "job_ended", "job": AJ_1, "ending": "failed"})
    logger.error("no action")
    logging.getLogger(LOGGER).removeHandler(handler)

    (event,) = await journal.events()
    assert (event.kind, event.text, event.job) == ("job_ended", "job ended", AJ_1)
    assert event.fields == {"ending": "failed", "level": "ERROR"}


async def test_the_file_is_for_our_eyes_only(journal: Journal, tmp_path: Path) -> None:
    """There are tokens in it."""
    await journal.flush()

    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


async def test_old_records_go_at_the_start(tmp_path: Path) -> None:
    """A daemon that is restarted often prunes too."""
    with closing(SqliteStore(tmp_path / FILE_NAME)) as store:
        store.write(events(3, at=0.0))

    async with journal_in(tmp_path) as journal:
        journal.record_event("tick")
        await journal.flush()  # the step is taken after the first write
        found = await journal.events()

    assert [event.kind for event in found] == ["tick"]


# -- a disk that hangs -------------------------------------------------------------


@pytest.mark.usefixtures("held")
async def test_recording_does_not_wait_for_a_disk_that_hangs(journal: Journal) -> None:
    """The loop goes on at full speed while the writer stands still."""
    started = asyncio.get_running_loop().time()

    for number in range(2000):
        journal.record_job(AJ_1, "running", pid=number)
        journal.record_event("tick")

    assert asyncio.get_running_loop().time() - started < 5.0
    assert not await journal.flush(0.1)


async def test_events_are_dropped_and_counted_while_the_disk_hangs(
    journal: Journal, held: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs are not; the count is told when the disk moves again."""
    for _ in range(2 * MAX_EVENTS + 500):
        journal.record_event("tick")
    journal.record_job(AJ_1, "running")

    held.execute("ROLLBACK")
    await journal.flush(10.0)

    assert [job.id for job in await journal.unfinished_jobs()] == [AJ_1]
    told = [record.__dict__ for record in caplog.records]
    assert "journal_dropping" in [line["action"] for line in told]
    assert sum(line["count"] for line in told if line["action"] == "journal_dropped") >= 500


async def test_reads_are_answered_from_memory_while_the_disk_hangs(
    journal: Journal, held: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resume must not wait for the disk: its job is in memory."""
    monkeypatch.setattr("agentd.journal.journal.READ_TIMEOUT", 0.2)
    journal.record_job(AJ_1, "running", room="lobby")
    assert not await journal.flush(2.0)  # by now the writer hangs with it

    (job,) = await journal.unfinished_jobs()

    held.execute("ROLLBACK")
    assert job.room == "lobby"
    assert await journal.flush()


async def test_a_job_that_the_writer_has_not_seen_is_known(
    journal: Journal, held: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer hangs with an earlier record; the job after it is not forgotten meanwhile."""
    monkeypatch.setattr("agentd.journal.journal.READ_TIMEOUT", 0.2)
    journal.record_event("tick")
    assert not await journal.flush(1.0)  # by now the writer hangs with it

    journal.record_job(AJ_1, "running", room="lobby")
    found = await journal.unfinished_jobs()

    held.execute("ROLLBACK")
    assert [(job.id, job.room) for job in found] == [(AJ_1, "lobby")]
    assert await journal.flush()


async def test_closing_does_not_wait_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon that stops stops, and a line says what it left."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        journal = Journal(tmp_path / FILE_NAME, JournalSettings())
        await journal.start()
        other.execute("BEGIN EXCLUSIVE")
        journal.record_job(AJ_1, "running")

        await journal.aclose(0.2)

        assert caplog.records[-1].__dict__["action"] == "journal_slow"
        other.execute("ROLLBACK")
        await journal.aclose()


async def test_a_disk_that_answers_late_leaves_no_job_in_limbo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon began without knowing the job, so it is ended, with the reason."""
    monkeypatch.setattr("agentd.journal.journal.OPEN_TIMEOUT", 0.2)
    with closing(SqliteStore(tmp_path / FILE_NAME)) as store:
        store.write(Batch(jobs=(running_job(),)))
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("DELETE FROM events")

        async with journal_in(tmp_path) as journal:
            other.close()
            job = await journal.job(AJ_1)

    assert job is not None
    assert (job.state, job.ending, job.reason) == ("ended", "lost", UNKNOWN_JOB)
