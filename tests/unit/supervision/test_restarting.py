"""Restarts, through a real supervisor on virtual time: OTP's rules one by one."""

from __future__ import annotations

import random

import pytest

from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Outcome, Plan, Schedule, Script
from tests.unit.supervision.scripted import observe

CRASHES = Plan(lasts=1.0)
FINISHES = Plan(lasts=1.0, exit="normal")
CANT_START = Plan(starts=False)


def outcome_of(*scripts: Script, **settings: object) -> Outcome:
    """What a supervisor of these children comes to."""
    return run_virtual(observe(Schedule(scripts=scripts, **settings)))  # type: ignore[arg-type]


def events(outcome: Outcome) -> list[str]:
    """What happened to whom, such as `start a`, until the schedule's end."""
    return [f"{what} {who}" for at, what, who in outcome.moments if at < 100.0]


@pytest.mark.parametrize(
    ("restart", "first", "starts"),
    [
        ("permanent", FINISHES, 2),
        ("permanent", CRASHES, 2),
        ("transient", FINISHES, 1),
        ("transient", CRASHES, 2),
        ("temporary", FINISHES, 1),
        ("temporary", CRASHES, 1),
    ],
)
def test_a_child_is_started_again_as_its_policy_says(
    restart: str, first: Plan, starts: int
) -> None:
    """OTP's table of restart types against ways to end."""
    outcome = outcome_of(Script("a", plans=(first,), restart=restart))

    assert events(outcome).count("start a") == starts


def test_a_finished_child_is_kept_and_a_temporary_one_forgotten() -> None:
    """Only the former can be restarted by hand."""
    outcome = outcome_of(
        Script("a", plans=(FINISHES,), restart="transient"),
        Script("b", plans=(FINISHES,), restart="temporary"),
    )

    assert list(outcome.restarts) == ["a"]


def test_so_many_restarts_as_are_allowed_are_made() -> None:
    """The intensity itself is within."""
    outcome = outcome_of(Script("a", plans=(CRASHES,) * 3, base=0.0), restarts=3)

    assert outcome.verdict == "shutdown"
    assert outcome.restarts == {"a": 3}


def test_one_restart_more_ends_the_supervisor_and_stops_the_others_in_reverse() -> None:
    """Escalation; the child that failed is not started again."""
    outcome = outcome_of(
        Script("a"), Script("b", plans=(CRASHES,) * 4, base=0.0), Script("c"), restarts=3
    )

    assert outcome.verdict == "escalated b"
    assert events(outcome)[-5:] == ["ended b", "asked c", "ended c", "asked a", "ended a"]


def test_restarts_that_are_far_enough_apart_go_on_for_ever() -> None:
    """Only the last period counts."""
    lasts_longer = Plan(lasts=2.0)
    outcome = outcome_of(Script("a", plans=(lasts_longer,) * 12, base=0.0), restarts=3)

    assert outcome.verdict == "shutdown"
    assert outcome.restarts == {"a": 12}


def test_restarts_of_all_children_count_together() -> None:
    """The intensity is the supervisor's."""
    outcome = outcome_of(
        Script("a", plans=(CRASHES,) * 2, base=0.0),
        Script("b", plans=(Plan(lasts=1.5),) * 2, base=0.0),
        restarts=3,
    )

    assert outcome.verdict == "escalated b"


def test_a_restart_that_fails_is_tried_again_until_it_works() -> None:
    """Each attempt counts as a restart."""
    outcome = outcome_of(Script("a", plans=(CRASHES, CANT_START, CANT_START), base=0.0))

    assert outcome.restarts == {"a": 3}
    assert events(outcome)[-6:] == [
        "start a",
        "failed a",
        "start a",
        "failed a",
        "start a",
        "ready a",
    ]


def test_a_restart_that_always_fails_exceeds_the_intensity() -> None:
    """Without a backoff this takes no time at all, and still ends."""
    outcome = outcome_of(Script("a", plans=(CRASHES, *[CANT_START] * 9), base=0.0), restarts=3)

    assert outcome.verdict == "escalated a"
    assert events(outcome).count("failed a") == 3


def test_one_for_all_stops_from_right_to_left_and_starts_from_left_to_right() -> None:
    """All have gone before the first comes back."""
    outcome = outcome_of(
        Script("a"), Script("b", plans=(CRASHES,)), Script("c"), strategy="one_for_all"
    )

    assert events(outcome)[6:] == [
        "ended b",
        *("asked c", "ended c", "asked a", "ended a"),
        *("start a", "ready a", "start b", "ready b", "start c", "ready c"),
    ]


def test_rest_for_one_leaves_those_before_alone() -> None:
    """Only those that were started later depend on the one that ended."""
    outcome = outcome_of(
        Script("a"), Script("b", plans=(CRASHES,)), Script("c"), strategy="rest_for_one"
    )

    assert events(outcome)[6:] == [
        *("ended b", "asked c", "ended c"),
        *("start b", "ready b", "start c", "ready c"),
    ]


def test_one_for_one_concerns_nobody_else() -> None:
    """The siblings are not touched."""
    outcome = outcome_of(Script("a"), Script("b", plans=(CRASHES,)), Script("c"))

    assert events(outcome)[6:] == ["ended b", "start b", "ready b"]


def test_siblings_of_one_for_one_do_not_wait_for_a_slow_start() -> None:
    """Where OTP's supervisor would do one thing at a time."""
    outcome = outcome_of(
        Script("a", plans=(Plan(lasts=1.0), Plan(start=50.0)), base=0.0),
        Script("b", plans=(Plan(lasts=2.0),), base=0.0),
    )

    assert (2.0, "ready", "b") in outcome.moments
    assert (51.0, "ready", "a") in outcome.moments


def test_what_ends_while_it_is_to_be_stopped_is_not_counted() -> None:
    """b dies of its own while c takes its time: one restart, not two."""
    outcome = outcome_of(
        Script("a", plans=(Plan(lasts=1.0),), base=0.0),
        Script("b", plans=(Plan(lasts=2.0),)),
        Script("c", plans=(Plan(heeds=3.0),)),
        strategy="one_for_all",
        restarts=1,
    )

    assert outcome.verdict == "shutdown"
    assert outcome.restarts == {"a": 1, "b": 0, "c": 0}


def test_a_group_restart_starts_finished_children_too_and_drops_temporary_ones() -> None:
    """As in OTP's start_children, after terminate_children."""
    outcome = outcome_of(
        Script("a", plans=(FINISHES,), restart="transient"),
        Script("b", restart="temporary"),
        Script("c", plans=(Plan(lasts=2.0),)),
        strategy="one_for_all",
    )

    assert list(outcome.restarts) == ["a", "c"]
    assert events(outcome)[-4:] == ["start a", "ready a", "start c", "ready c"]


def test_a_failed_restart_in_a_group_turns_the_strategy_upon_the_one_that_failed() -> None:
    """What had been started again before it is stopped once more."""
    outcome = outcome_of(
        Script("a", plans=(CRASHES,), base=0.0),
        Script("b", plans=(Plan(), CANT_START), base=0.0),
        strategy="one_for_all",
    )

    assert outcome.restarts == {"a": 1, "b": 1}
    assert events(outcome)[7:] == [
        *("start a", "ready a", "start b", "failed b"),
        *("asked a", "ended a", "start a", "ready a", "start b", "ready b"),
    ]


def test_an_exit_further_left_cuts_a_sequence_short() -> None:
    """c's long start is of no use once a is gone."""
    outcome = outcome_of(
        Script("a", plans=(Plan(lasts=10.0),), base=0.0),
        Script("b", plans=(Plan(lasts=5.0),), base=0.0),
        Script("c", plans=(Plan(), Plan(start=50.0))),
        strategy="rest_for_one",
    )

    assert (10.0, "cut", "c") in outcome.moments
    assert outcome.moments[-7][0] == outcome.moments[-13][0] == 10.0


def test_a_sibling_does_not_cut_a_longer_backoff_short() -> None:
    """b waits for its own sake, also when a comes back before."""
    script = Script("b", plans=(Plan(lasts=1.0),), base=64.0, cap=64.0, seed=0)
    outcome = outcome_of(
        Script("a", plans=(Plan(lasts=5.0),), base=0.0), script, strategy="rest_for_one"
    )

    delay = random.Random(0).uniform(0.0, 64.0)
    assert [(at, who) for at, what, who in outcome.moments if what == "start"][2:] == [
        (5.0, "a"),
        (pytest.approx(1.0 + delay), "b"),
    ]


def test_backoff_doubles_until_lasting_health_resets_it() -> None:
    """Three quick deaths, one after a long life, then the first delay's ceiling again."""
    quick, long = Plan(lasts=1.0), Plan(lasts=5.0)
    script = Script("a", plans=(quick, quick, quick, long, quick), base=1.0, seed=7)
    outcome = outcome_of(script, restarts=99)

    ends = [at for at, what, _ in outcome.moments if what == "ended" and at < 100.0]
    starts = [at for at, what, _ in outcome.moments if what == "start"][1:]
    delays = [start - end for end, start in zip(ends, starts, strict=True)]

    assert [delay <= ceiling for delay, ceiling in zip(delays, [1, 2, 4, 1, 2], strict=True)] == (
        [True] * 5
    )
    assert max(delays[1:3]) > 1.0


def test_a_child_that_cools_down_is_tried_at_the_longest_delay_and_recovers() -> None:
    """The supervisor lives on; after lasting health the delays are short again."""
    outcome = outcome_of(
        Script(
            "a",
            plans=(CRASHES, CRASHES, CANT_START, Plan(lasts=6.0), Plan(lasts=6.0)),
            base=0.0,
            cap=8.0,
            cool_down=True,
        ),
        restarts=1,
    )

    assert outcome.verdict == "shutdown"
    assert [at for at, what, _ in outcome.moments if what == "start"] == [0, 1, 10, 18, 24, 30]


def test_a_child_that_cools_down_costs_no_sibling_its_supervisor() -> None:
    """Its restarts are counted apart."""
    outcome = outcome_of(
        Script("a", plans=(CRASHES,) * 9, base=0.0, cap=0.0, cool_down=True),
        Script("b", plans=(Plan(lasts=5.5),), base=0.0),
        restarts=1,
    )

    assert outcome.verdict == "shutdown"
    assert outcome.restarts == {"a": 9, "b": 1}


@pytest.mark.parametrize(
    ("auto_shutdown", "ends_at"), [("any_significant", 1.0), ("all_significant", 2.0)]
)
def test_significant_children_end_their_supervisor(auto_shutdown: str, ends_at: float) -> None:
    """When the first has finished, or the last."""
    outcome = outcome_of(
        Script("a", plans=(FINISHES,), restart="transient", significant=True),
        Script("b", plans=(Plan(lasts=2.0),), restart="temporary", significant=True),
        Script("c"),
        auto_shutdown=auto_shutdown,
    )

    assert outcome.verdict == "shutdown"
    assert outcome.moments[-1][0] == ends_at
