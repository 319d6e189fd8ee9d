"""What waits for the writer."""

from __future__ import annotations

from msgspec.structs import replace

from agentd.journal.backlog import MAX_CLAIMS, MAX_POST_MORTEMS, MAX_REQUESTS, Backlog
from agentd.journal.records import Batch
from tests.support.journal_records import (
    claim,
    ended_job,
    event,
    post_mortem,
    running_job,
    snapshot,
)


def test_taking_empties_it() -> None:
    """Each record is written once."""
    backlog = Backlog()
    backlog.put_event(event("a"))

    first, second = backlog.take(), backlog.take()

    assert first.batch == Batch(events=(event("a"),))
    assert not second.batch


def test_states_of_a_job_are_merged() -> None:
    """Only the latest of a job is written, in the place of the first."""
    backlog = Backlog()
    backlog.put_job(running_job("AJ_1"))
    backlog.put_job(running_job("AJ_2"))
    backlog.put_job(ended_job("AJ_1"))

    jobs = backlog.take().batch.jobs

    assert jobs == (ended_job("AJ_1"), running_job("AJ_2"))


def test_snapshots_of_a_job_are_merged() -> None:
    """A slow disk must not collect a conversation's every turn."""
    backlog = Backlog()
    backlog.put_snapshot(snapshot(data=b"old"))
    backlog.put_snapshot(snapshot(data=b"new"))

    assert backlog.take().batch.snapshots == (snapshot(data=b"new"),)


def test_a_claim_that_is_over_is_all_that_is_written_of_it() -> None:
    """Where the disk was slower than the server."""
    backlog = Backlog()
    backlog.put_claim(claim())
    backlog.put_claim(claim(data=b""))

    assert backlog.take().batch.claims == (claim(data=b""),)


def test_claims_are_bounded() -> None:
    """A disk that hangs must not fill the memory; what is known may still end."""
    backlog = Backlog()
    for number in range(MAX_CLAIMS):
        backlog.put_claim(claim(f"AD_{number}"))

    room = [backlog.put_claim(claim(name, data=b"")) for name in ("AD_one_more", "AD_0")]

    assert room == [False, True]
    assert backlog.take().dropped == 1


def test_events_over_the_bound_are_dropped_and_counted() -> None:
    """The oldest stay: they are nearest to the cause."""
    backlog = Backlog(max_events=2)

    room = [backlog.put_event(event(text)) for text in "abc"]

    work = backlog.take()
    assert room == [True, True, False]
    assert work.batch.events == (event("a"), event("b"))
    assert work.dropped == 1


def test_the_count_of_dropped_ones_begins_anew() -> None:
    """It is told once."""
    backlog = Backlog(max_events=0)
    backlog.put_event(event("a"))
    backlog.take()

    assert backlog.take().dropped == 0


def test_post_mortems_are_bounded() -> None:
    """A crash loop can make many."""
    backlog = Backlog()

    room = [backlog.put_post_mortem(post_mortem("c")) for _ in range(MAX_POST_MORTEMS + 1)]

    assert room == [True] * MAX_POST_MORTEMS + [False]


def test_a_full_backlog_takes_jobs_that_ran() -> None:
    """Their states are kept, whatever else is dropped."""
    backlog = Backlog(max_jobs=1)
    backlog.put_job(running_job("AJ_1"))

    assert backlog.put_job(running_job("AJ_2"))
    assert backlog.put_job(replace(ended_job("AJ_3"), assigned_at=1.0))
    assert backlog.put_job(ended_job("AJ_1"))


def test_a_full_backlog_drops_offers_that_came_to_nothing() -> None:
    """They can come without end while the disk hangs."""
    backlog = Backlog(max_jobs=1)
    backlog.put_job(running_job("AJ_1"))

    assert not backlog.put_job(ended_job("AJ_2"))


def test_requests_are_bounded() -> None:
    """A page that asks again and again must not fill the memory while the disk hangs."""
    backlog = Backlog()

    room = [backlog.put_request(lambda _: None) for _ in range(MAX_REQUESTS + 1)]

    assert room == [True] * MAX_REQUESTS + [False]


def test_a_closed_backlog_takes_no_requests() -> None:
    """Nobody would answer."""
    backlog = Backlog()
    backlog.close()

    assert not backlog.put_request(lambda _: None)
    assert backlog.take().closed


def test_waiting_counts_what_was_not_taken() -> None:
    """For status pages."""
    backlog = Backlog()
    backlog.put_job(running_job())
    backlog.put_event(event("a"))

    assert backlog.waiting == 2
