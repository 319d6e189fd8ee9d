"""What every store promises, tried on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentd.journal.fallback import FallbackStore
from agentd.journal.memory import InMemoryStore
from agentd.journal.records import Batch, Query
from agentd.journal.sqlite import SqliteStore
from agentd.journal.store import Store
from agentd.protocol.ids import JobId
from tests.support.journal_records import (
    claim,
    ended_job,
    event,
    events,
    post_mortem,
    running_job,
    snapshot,
)

AJ_1 = JobId("AJ_1")


def sqlite(path: Path) -> Store:
    """The store on disk."""
    return SqliteStore(path / "journal.db")


def memory(_: Path) -> Store:
    """The store of a daemon without a disk."""
    return InMemoryStore()


def fallback(path: Path) -> Store:
    """The disk with memory behind it."""
    store = FallbackStore(path / "journal.db", lambda: 100.0)
    store.try_disk()
    return store


@pytest.fixture(params=[sqlite, memory, fallback], ids=lambda make: make.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made: Store = request.param(tmp_path)
    yield made
    made.close()


def test_a_job_is_read_as_it_was_written(store: Store) -> None:
    """Every field comes back, the bytes of the assignment among them."""
    job = replace(
        running_job(),
        agent_name="clerk",
        identity="agent-7",
        url="ws://here",
        worker_id="AW_1",
        running_at=101.5,
        child="c-3",
        pid=4711,
        process_started=123456789,
        boot="b0",
        resumes=2,
    )

    store.write(Batch(jobs=(job,)))

    assert store.job(AJ_1) == job


def test_the_latest_record_of_a_job_counts(store: Store) -> None:
    """A job is one record, however often it is written."""
    store.write(Batch(jobs=(running_job(),)))
    later = replace(running_job(), state="resuming", resumes=1)

    store.write(Batch(jobs=(later,)))

    assert store.jobs(10) == [later]


def test_a_job_that_nobody_knows_is_none(store: Store) -> None:
    """No error, and no invented record."""
    assert store.job(AJ_1) is None
    assert store.snapshot(AJ_1) is None


def test_unfinished_jobs_come_oldest_first(store: Store) -> None:
    """Who was first is adopted first; what has ended is not among them."""
    store.write(Batch(jobs=(running_job("AJ_1"), running_job("AJ_2"), running_job("AJ_3"))))

    store.write(Batch(jobs=(ended_job("AJ_2"),)))

    assert [job.id for job in store.unfinished_jobs()] == ["AJ_1", "AJ_3"]


def test_the_end_of_a_job_takes_its_secrets(store: Store) -> None:
    """Token and conversation are for resuming only."""
    store.write(Batch(jobs=(running_job(),), snapshots=(snapshot(),)))

    store.write(Batch(jobs=(ended_job(),)))

    assert store.job(AJ_1) == replace(ended_job(), assignment=b"")
    assert store.snapshot(AJ_1) is None


def test_the_latest_snapshot_counts(store: Store) -> None:
    """A resume goes on from the newest."""
    store.write(Batch(jobs=(running_job(),), snapshots=(snapshot(data=b"old"),)))

    store.write(Batch(snapshots=(snapshot(data=b"new"),)))

    assert store.snapshot(AJ_1) == snapshot(data=b"new")


@pytest.mark.parametrize("jobs", [(), (ended_job(),)], ids=["unknown", "ended"])
def test_a_snapshot_needs_an_unfinished_job(store: Store, jobs: tuple[()]) -> None:
    """One that comes late must not stay for ever."""
    store.write(Batch(jobs=jobs, snapshots=(snapshot(),)))

    assert store.snapshot(AJ_1) is None


def test_jobs_are_paged_newest_first(store: Store) -> None:
    """The last one of a page leads to the next."""
    store.write(Batch(jobs=tuple(ended_job(f"AJ_{n}") for n in range(5))))

    first = store.jobs(2)
    second = store.jobs(2, before=first[-1].id)

    assert [job.id for job in first + second] == ["AJ_4", "AJ_3", "AJ_2", "AJ_1"]


def test_a_page_before_a_job_that_is_gone_is_empty(store: Store) -> None:
    """It was pruned, and so was all that was older."""
    store.write(Batch(jobs=(ended_job(),)))

    assert store.jobs(2, before=JobId("AJ_0")) == []


def test_events_come_newest_first_and_complete(store: Store) -> None:
    """The fields too; the number is the store's."""
    written = (event("one", job="AJ_1", child="c-1"), event("two"))

    store.write(Batch(events=written))

    found = store.events(Query())
    assert [replace(record, seq=0) for record in found] == list(reversed(written))


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (Query(job="AJ_1"), ["c", "a"]),
        (Query(child="c-2"), ["c", "b"]),
        (Query(job="AJ_1", child="c-2"), ["c"]),
        (Query(limit=1), ["c"]),
        (Query(limit=0), []),
    ],
)
def test_events_are_chosen_by_job_child_and_number(
    store: Store, query: Query, texts: list[str]
) -> None:
    """What `agentd jobs show ID` asks for."""
    store.write(
        Batch(
            events=(
                event("a", job="AJ_1", child="c-1"),
                event("b", job="AJ_2", child="c-2"),
                event("c", job="AJ_1", child="c-2"),
            )
        )
    )

    assert [record.text for record in store.events(query)] == texts


def test_events_are_paged(store: Store) -> None:
    """The number of a page's last event leads to the next page."""
    store.write(events(5))

    first = store.events(Query(limit=2))
    second = store.events(Query(limit=2, before=first[-1].seq))

    assert [record.text for record in second] == ["event 2", "event 1"]


def test_post_mortems_are_kept_and_chosen_like_events(store: Store) -> None:
    """One for each child that should not have died."""
    store.write(Batch(post_mortems=(post_mortem("c-1", job="AJ_1"), post_mortem("c-2"))))

    found = store.post_mortems(Query(job="AJ_1"))

    assert [replace(record, seq=0) for record in found] == [post_mortem("c-1", job="AJ_1")]


def test_claims_come_oldest_first_and_go_when_they_are_over(store: Store) -> None:
    """What the next daemon has to finish, and nothing else."""
    store.write(Batch(claims=(claim("AD_2", at=102.0), claim("AD_1", at=101.0), claim("AD_3"))))

    store.write(Batch(claims=(claim("AD_3", data=b""), claim("AD_9", data=b""))))

    assert store.claims() == [claim("AD_1", at=101.0), claim("AD_2", at=102.0)]


def test_a_claim_that_is_begun_again_is_one_claim(store: Store) -> None:
    """The dispatch is one."""
    store.write(Batch(claims=(claim(data=b"before"),)))

    store.write(Batch(claims=(claim(at=101.0, data=b"now"),)))

    assert store.claims() == [claim(at=101.0, data=b"now")]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 99, 100, 111, 250])
def test_a_batch_of_any_length_is_written_whole(store: Store, count: int) -> None:
    """However the store cuts it up."""
    store.write(events(count))

    assert len(store.events(Query(limit=1000))) == count


def test_pruning_by_age_leaves_what_is_younger(store: Store) -> None:
    """Events, post-mortems and ended jobs alike."""
    store.write(events(3, at=100.0))
    store.write(Batch(jobs=(ended_job("AJ_1", at=100.0), ended_job("AJ_2", at=102.0))))
    store.write(Batch(post_mortems=(post_mortem("c-1", at=100.0), post_mortem("c-2", at=102.0))))

    removed = store.prune(100, older_than=102.0)

    assert removed == 4
    assert [record.text for record in store.events(Query())] == ["event 2"]
    assert [job.id for job in store.jobs(10)] == ["AJ_2"]
    assert [record.child for record in store.post_mortems(Query())] == ["c-2"]


def test_pruning_without_an_age_takes_the_oldest(store: Store) -> None:
    """As the limit on the size asks."""
    store.write(events(10))

    removed = store.prune(4)

    assert removed == 4
    assert store.events(Query())[-1].text == "event 4"


def test_pruning_goes_on_until_all_is_gone(store: Store) -> None:
    """Ended jobs and post-mortems go too when there are no events left."""
    store.write(events(2))
    store.write(Batch(jobs=(ended_job(),), post_mortems=(post_mortem("c-1"),)))

    store.prune(10)
    store.prune(10)
    store.prune(10)

    assert store.prune(10) == 0
    assert store.jobs(10) == []
    assert store.post_mortems(Query()) == []


@pytest.mark.parametrize("older_than", [None, 1e9], ids=["by size", "by age"])
def test_pruning_spares_unfinished_jobs(store: Store, older_than: float | None) -> None:
    """And what happened to them, however old; claims too."""
    store.write(Batch(jobs=(running_job(),), snapshots=(snapshot(),), claims=(claim(),)))
    store.write(events(3, job="AJ_1"))
    store.write(Batch(post_mortems=(post_mortem("c-1", job="AJ_1"),)))

    removed = store.prune(100, older_than)

    assert removed == 0
    assert store.unfinished_jobs() == [running_job()]
    assert store.snapshot(AJ_1) == snapshot()
    assert store.claims() == [claim()]
    assert len(store.events(Query(job="AJ_1"))) == 3
    assert len(store.post_mortems(Query(job="AJ_1"))) == 1


def test_pruning_makes_it_smaller(store: Store) -> None:
    """The size is what the limit is held against."""
    store.write(events(2000))
    before = store.size()

    store.prune(1500)

    assert store.size() < 0.7 * before


def test_an_empty_batch_changes_nothing(store: Store) -> None:
    """And is no error."""
    store.write(Batch())

    assert store.jobs(10) == []


def test_closing_may_be_repeated(store: Store) -> None:
    """The fixture closes it once more."""
    store.close()
