"""The sums of a process, and what is taken over from another one."""

from __future__ import annotations

import threading

import pytest

from agentd.figures import Tally
from agentd.figures.families import (
    BY_NAME,
    FAMILIES,
    JOBS_ENDED,
    RETRIES_REFUSED,
    TURN_LATENCY,
    TURNS,
)
from agentd.figures.family import MAX_LABEL, OTHER
from agentd.figures.tally import MAX_SERIES
from agentd.protocol.frames import Count, Spread


def some() -> Tally:
    """One with a count, a count with a label and a histogram."""
    tally = Tally()
    tally.add(TURNS)
    tally.add(RETRIES_REFUSED, 2, circuit="a")
    tally.observe(TURN_LATENCY, 0.4, stage="e2e")
    return tally


def test_what_is_taken_is_gone_and_adds_up_elsewhere() -> None:
    """A child's figures become the supervisor's."""
    child, supervisor = some(), some()

    taken = child.take()
    refused = supervisor.merge(taken.counts, taken.spreads)

    assert not child.take()
    assert refused == 0
    assert supervisor.counts(TURNS) == {(): 2.0}
    assert supervisor.counts(RETRIES_REFUSED) == {("a",): 4.0}
    assert ("e2e", [0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2], 0.8) in [
        (*labels, counts, total) for labels, counts, total in supervisor.bins(TURN_LATENCY)
    ]


def test_what_could_not_be_sent_goes_with_what_comes_next() -> None:
    """Nothing is lost where a frame finds no room."""
    tally = some()

    tally.put_back(tally.take())
    tally.add(TURNS)

    assert tally.counts(TURNS) == {(): 2.0}
    assert tally.counts(RETRIES_REFUSED) == {("a",): 2.0}


def test_it_says_once_that_there_is_something_to_take() -> None:
    """Until it was taken."""
    tally, said = Tally(), []
    tally.on_first = lambda: said.append(1)

    for _ in range(2):
        tally.add(TURNS)
        tally.observe(TURN_LATENCY, 1.0, stage="e2e")
        tally.take()

    assert len(said) == 2


def test_labels_that_the_world_makes_up_are_bounded() -> None:
    """However many, however long: what is too much is summed as other."""
    tally = Tally()

    for number in range(3 * MAX_SERIES):
        tally.add(RETRIES_REFUSED, circuit=f"{number} {'x' * 999}")

    sums = tally.counts(RETRIES_REFUSED)
    assert len(sums) == MAX_SERIES + 1
    assert sums[(OTHER,)] == 2 * MAX_SERIES
    assert max(len(circuit) for (circuit,) in sums) == MAX_LABEL


@pytest.mark.parametrize(
    "count",
    [
        Count(name="no_such_family", labels={}, amount=1),
        Count(name=JOBS_ENDED.name, labels={"ending": "completed"}, amount=1),
        Count(name=TURN_LATENCY.name, labels={"stage": "e2e"}, amount=1),
        Count(name=TURNS.name, labels={}, amount=-1),
        Count(name=TURNS.name, labels={}, amount=float("nan")),
        Count(name=TURNS.name, labels={}, amount=float("inf")),
    ],
    ids=["unknown", "not a child's", "a histogram", "negative", "no number", "endless"],
)
def test_a_count_that_makes_no_sense_is_left_out(count: Count) -> None:
    """A child may run anybody's code; it is said how many there were."""
    tally = Tally()

    assert tally.merge([count], []) == 1
    assert not tally.take()


@pytest.mark.parametrize(
    "spread",
    [
        Spread(name="no_such_family", labels={}, counts=[], total=0),
        Spread(name="dispatch_seconds", labels={}, counts=[0] * 12, total=0),
        Spread(name=TURNS.name, labels={}, counts=[1], total=0),
        Spread(name=TURN_LATENCY.name, labels={"stage": "e2e"}, counts=[1], total=0),
    ],
    ids=["unknown", "not a child's", "a counter", "other buckets"],
)
def test_a_histogram_that_makes_no_sense_is_left_out(spread: Spread) -> None:
    """As above."""
    tally = Tally()

    assert tally.merge([], [spread]) == 1
    assert not tally.take()


def test_labels_that_a_family_does_not_have_are_left_out() -> None:
    """So that no child can add one."""
    tally = Tally()

    tally.merge([Count(name=RETRIES_REFUSED.name, labels={"who": "me"}, amount=1)], [])

    assert tally.counts(RETRIES_REFUSED) == {("",): 1.0}


def test_what_is_known_to_happen_is_there_from_the_start_as_0() -> None:
    """Else the first time of it would be no rise to Prometheus."""
    assert Tally().counts(JOBS_ENDED) == {
        ("completed",): 0.0,
        ("failed",): 0.0,
        ("rejected",): 0.0,
        ("lost",): 0.0,
    }
    assert Tally().counts(RETRIES_REFUSED) == {}


def test_threads_may_count_at_the_same_time() -> None:
    """The journal's writes from a thread of its own."""
    tally = Tally()

    def work() -> None:
        for _ in range(2000):
            tally.add(TURNS)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tally.counts(TURNS) == {(): 8000.0}


def test_each_family_has_a_name_of_its_own_and_a_text() -> None:
    """And bounds that rise."""
    assert len(BY_NAME) == len(FAMILIES)
    for family in FAMILIES:
        assert family.text.endswith(".")
        assert list(family.bounds) == sorted(set(family.bounds))
        assert set(family.known) <= set(family.labels)
