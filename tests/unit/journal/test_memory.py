"""The bounds of memory."""

from __future__ import annotations

from agentd.journal.memory import InMemoryStore
from agentd.journal.records import Batch, Query
from tests.support.journal_records import (
    claim,
    ended_job,
    events,
    post_mortem,
    running_job,
    snapshot,
)


def test_the_oldest_ended_jobs_make_way() -> None:
    """A disk that stays full must not cost the daemon its memory."""
    store = InMemoryStore(max_ended=2)
    store.write(Batch(jobs=(running_job("AJ_0"),)))

    store.write(Batch(jobs=tuple(ended_job(f"AJ_{n}") for n in range(1, 5))))

    assert [job.id for job in store.jobs(10)] == ["AJ_4", "AJ_3", "AJ_0"]


def test_unfinished_jobs_never_make_way() -> None:
    """They are what the memory is for."""
    store = InMemoryStore(max_ended=0)

    store.write(Batch(jobs=(running_job("AJ_1"), running_job("AJ_2"))))

    assert len(store.unfinished_jobs()) == 2


def test_the_oldest_events_and_post_mortems_make_way() -> None:
    """The newest tell most."""
    store = InMemoryStore(max_events=2, max_post_mortems=1)

    store.write(events(3))
    store.write(Batch(post_mortems=(post_mortem("c-1"), post_mortem("c-2"))))

    assert [record.text for record in store.events(Query())] == ["event 2", "event 1"]
    assert [record.child for record in store.post_mortems(Query())] == ["c-2"]


def test_forgetting_history_leaves_what_a_resume_needs() -> None:
    """The rest is on disk."""
    store = InMemoryStore()
    store.write(Batch(jobs=(running_job("AJ_1"), ended_job("AJ_2")), snapshots=(snapshot(),)))
    store.write(events(3))
    store.write(Batch(claims=(claim(),)))

    store.forget_history()

    left = Batch(jobs=(running_job(),), snapshots=(snapshot(),), claims=(claim(),))
    assert store.everything() == left
