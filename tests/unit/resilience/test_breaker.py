"""The rules of a circuit breaker, instant by instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    CircuitOpen,
    ModelError,
    ReplyTooLong,
)
from agentd.resilience import BreakerPolicy
from agentd.resilience.breaker import Breaker, Verdict, judge

POLICY = BreakerPolicy()


def failed(breaker: Breaker, at: float, *, probe: bool = False, asked: float = 0.0) -> bool:
    """A call has failed; no chance makes the cooldown shorter."""
    return breaker.failed(at, probe=probe, reason="503", draw=1.0, asked=asked)


def opened(at: float = 0.0) -> Breaker:
    """One that has just opened."""
    breaker = Breaker(POLICY)
    for _ in range(POLICY.in_a_row):
        failed(breaker, at)
    return breaker


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (APIConnectionError("no route"), "down"),
        (APITimeoutError("nothing came"), "down"),
        (APIStatusError("oh", status_code=500), "down"),
        (APIStatusError("later", status_code=503), "down"),
        (APIStatusError("too many", status_code=429), "down"),
        (APIStatusError("too slow", status_code=408), "down"),
        (APIStatusError("bad request", status_code=400), "answers"),
        (APIStatusError("no such key", status_code=401), "answers"),
        (APIStatusError("no such model", status_code=404), "answers"),
        (APIError("half a JSON"), "down"),
        (APIError("a fault of the plugin", retryable=False), "unknown"),
        (ReplyTooLong(), "unknown"),
        (CircuitOpen(), "unknown"),
        (ModelError("not ours", retryable=True), "unknown"),
    ],
    ids=str,
)
def test_errors_of_the_service_count_and_those_of_a_request_do_not(
    error: Exception, verdict: Verdict
) -> None:
    """A 4xx even shows that the service answers."""
    assert judge(error) == verdict


def test_a_row_of_failures_opens_it() -> None:
    """As many as one call with all of its tries has, and not one less."""
    breaker = Breaker(POLICY)

    changed = [failed(breaker, float(at)) for at in range(4)]

    assert changed == [False, False, False, True]
    assert breaker.state(3.0) == "open"


def test_a_success_between_begins_the_row_anew() -> None:
    """A service that answers now and then is not down."""
    breaker = Breaker(POLICY)

    for at in range(7):
        failed(breaker, float(at))
        breaker.succeeded(float(at))

    assert breaker.state(7.0) == "closed"


def test_failures_that_are_half_of_the_calls_open_it_too() -> None:
    """Eight of them within the window, though none follows another."""
    breaker = Breaker(POLICY)

    for at in range(8):
        breaker.succeeded(float(at))
        failed(breaker, float(at))

    assert breaker.state(8.0) == "open"


def test_failures_that_are_few_among_many_calls_do_not() -> None:
    """However many they are."""
    breaker = Breaker(POLICY)

    for at in range(40):
        failed(breaker, at / 10)
        breaker.succeeded(at / 10)
        breaker.succeeded(at / 10)

    assert breaker.state(4.0) == "closed"


def test_old_failures_are_forgotten() -> None:
    """Four in ten minutes are no outage."""
    breaker = Breaker(POLICY)

    for at in range(10):
        failed(breaker, at * 31.0)

    assert breaker.state(310.0) == "closed"


def test_open_it_admits_nothing_until_the_cooldown_is_over() -> None:
    """Then one call, and no other while that one may still be answered."""
    breaker = opened()

    admitted = [breaker.admit(at) for at in (0.0, 4.9, 5.0, 5.1, 19.9, 20.0)]

    assert admitted == ["refused", "refused", "probe", "refused", "refused", "probe"]


def test_a_probe_that_is_answered_closes_it() -> None:
    """And what was before no longer counts."""
    breaker = opened()
    breaker.admit(5.0)

    assert breaker.answered(5.5)
    assert not failed(breaker, 6.0)
    assert breaker.admit(6.0) == "call"


def test_each_probe_that_fails_doubles_the_cooldown_up_to_a_bound() -> None:
    """By chance down to half of it."""
    breaker = opened()
    cooldowns = [breaker.cooled_at]

    for _ in range(6):
        at = breaker.cooled_at
        breaker.admit(at)
        failed(breaker, at, probe=True)
        cooldowns.append(breaker.cooled_at - at)

    assert cooldowns == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_chance_halves_a_cooldown_at_most() -> None:
    """So nobody comes at once, and not all at one instant."""
    breaker = Breaker(POLICY)

    for _ in range(POLICY.in_a_row):
        breaker.failed(0.0, probe=False, reason="503", draw=0.0)

    assert breaker.cooled_at == 2.5


def test_a_service_that_asks_for_more_time_is_given_it() -> None:
    """Within reason: an hour is cut to five minutes."""
    breaker, greedy = Breaker(POLICY), Breaker(POLICY)

    for _ in range(POLICY.in_a_row):
        failed(breaker, 0.0, asked=42.0)
        failed(greedy, 0.0, asked=3600.0)

    assert (breaker.cooled_at, greedy.cooled_at) == (42.0, 300.0)


@pytest.mark.parametrize(("pause", "cooldown"), [(59.0, 10.0), (60.0, 5.0)])
def test_the_cooldown_begins_small_only_after_lasting_health(pause: float, cooldown: float) -> None:
    """A service that answers its probe and fails again is not trusted more for it."""
    breaker = opened()
    breaker.admit(5.0)
    breaker.answered(5.0)

    at = 5.0 + pause
    for _ in range(POLICY.in_a_row):
        failed(breaker, at)

    assert breaker.cooled_at - at == cooldown


def test_a_call_from_before_changes_nothing_while_it_is_open() -> None:
    """It was made when nobody knew, and its failure is no news."""
    breaker = opened()

    assert not failed(breaker, 4.0)
    assert breaker.cooled_at == 5.0


def test_a_probe_that_ends_without_a_word_makes_way_for_the_next() -> None:
    """Once: a lease that is over is somebody else's by then."""
    breaker = opened()
    breaker.admit(5.0)
    lease = breaker.probe_until

    assert breaker.given_up(lease)
    assert breaker.admit(5.1) == "probe"
    assert not breaker.given_up(lease)
    assert breaker.admit(5.2) == "refused"


STEPS = st.lists(
    st.tuples(
        st.floats(min_value=0.0, max_value=30.0),
        st.sampled_from(["down", "answers", "unknown", "late"]),
        st.floats(min_value=0.0, max_value=1.0),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_comes_it_lets_one_probe_through_and_never_stays_open(
    steps: list[tuple[float, str, float]],
) -> None:
    """Cooldowns and leases are bounded, refused calls are so only while it is not closed."""
    breaker, at, lease = Breaker(POLICY), 0.0, float("-inf")
    for seconds, outcome, draw in steps:
        at += seconds
        before = breaker.state(at)
        admission = breaker.admit(at)
        assert (admission == "call") == (before == "closed")
        assert breaker.next_try_at(at) - at <= max(POLICY.longest_cooldown, POLICY.probe_time)
        if admission == "refused":
            assert breaker.next_try_at(at) > at
            continue
        if admission == "probe":
            assert before == "half_open"
            assert at >= lease
            lease = breaker.probe_until
        probe = admission == "probe"
        if outcome == "down":
            opens = breaker.failed(at, probe=probe, reason="", draw=draw)
            assert opens or not probe
            assert breaker.state(at) == ("open" if opens else "closed")
            lease = float("-inf") if opens else lease
        elif outcome == "answers":
            assert breaker.answered(at) == probe
            breaker.succeeded(at)
            assert breaker.state(at) == "closed"
            lease = float("-inf")
        elif outcome == "unknown" and probe:
            assert breaker.given_up(breaker.probe_until)
            assert breaker.state(at) == "half_open"
            lease = float("-inf")
