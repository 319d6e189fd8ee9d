"""When a child is asked for a pong, warned about, and given up."""

from __future__ import annotations

import math

import pytest

from agentd.supervisor.heartbeat import Patience, Pulse, decide_interval, next_beat

PATIENCE = Patience(warn_after=1.0, replace_after=15.0)


def pinged(patience: Patience = PATIENCE) -> Pulse:
    """A pulse whose first ping was sent at the instant 1."""
    pulse = Pulse(patience, 1.0, 0.5)
    assert pulse.judge(1.0) == "ping"
    return pulse


@pytest.mark.parametrize(
    ("state", "has_job", "interval"),
    [
        ("starting", False, None),
        ("prewarming", False, None),
        ("idle", False, 10.0),
        ("reserved", False, 1.0),
        ("running", True, 1.0),
        ("stopping", True, 1.0),
        ("stopping", False, None),
        ("gone", False, None),
        ("gone", True, None),
    ],
)
def test_only_a_child_that_must_answer_is_asked(
    state: str, has_job: bool, interval: float | None
) -> None:
    """Often with a job, rarely when it is warm, never before and after."""
    decided = decide_interval(state, has_job=has_job, patience=PATIENCE)

    assert decided == interval


@pytest.mark.parametrize(
    ("now", "interval", "beat"), [(0.0, 1.0, 1.0), (0.5, 1.0, 1.0), (1.0, 1.0, 2.0), (13, 10, 20)]
)
def test_beats_are_the_same_for_all(now: float, interval: float, beat: float) -> None:
    """They are multiples of the interval, and always ahead."""
    found = next_beat(now, interval)

    assert found == beat


def test_a_child_that_answers_is_asked_again_at_the_next_beat() -> None:
    """Nothing else happens."""
    pulse = pinged()

    blocked_for = pulse.pong(1, 1.001)

    assert blocked_for is None
    assert pulse.due_at == 2.0
    assert pulse.judge(1.9) == "wait"
    assert pulse.judge(2.0) == "ping"
    assert pulse.seq == 2


def test_silence_is_warned_about_once_and_ends_in_replacement() -> None:
    """After one second, and after fifteen."""
    pulse = pinged()

    verdicts = [(at, pulse.judge(at)) for at in (1.9, 2.0, 2.1, 15.9, 16.0, 16.1, 99.0)]

    assert [(at, verdict) for at, verdict in verdicts if verdict != "wait"] == [
        (2.0, "warn"),
        (16.0, "replace"),
    ]
    assert pulse.due_at == math.inf


def test_a_late_answer_says_how_long_it_was_blocked() -> None:
    """From the ping that it did not answer."""
    pulse = pinged()
    pulse.judge(2.0)

    blocked_for = pulse.pong(1, 4.25)

    assert blocked_for == 3.25
    assert not pulse.is_silent()
    assert pulse.due_at == 5.0


def test_a_child_that_blocks_again_is_warned_about_again() -> None:
    """Each time is a time of its own."""
    pulse = pinged()
    pulse.judge(2.0)
    pulse.pong(1, 2.5)
    pulse.judge(3.0)

    verdict = pulse.judge(4.0)

    assert verdict == "warn"


def test_an_answer_to_another_ping_is_none() -> None:
    """A pong from before a gap says nothing of now."""
    pulse = pinged()

    pulse.pong(7, 1.5)

    assert pulse.is_silent()


def test_after_a_gap_of_ours_the_time_begins_anew() -> None:
    """It was we who did not listen."""
    pulse = pinged()

    pulse.begin_afresh(20.0)

    assert pulse.judge(20.0) == "ping"
    assert pulse.judge(20.9) == "wait"
    assert pulse.due_at == 21.0


def test_a_gap_after_a_warning_warns_no_second_time() -> None:
    """But the end of the block is told, and the time to replacement is a full one."""
    pulse = pinged()
    pulse.judge(2.0)
    pulse.begin_afresh(20.0)
    pulse.judge(20.0)

    due_at, blocked_for = pulse.due_at, pulse.pong(2, 22.0)

    assert due_at == 35.0
    assert blocked_for == 21.0


@pytest.mark.parametrize(
    ("patience", "due_at"),
    [
        (Patience(warn_after=0, replace_after=15), 16.0),
        (Patience(warn_after=1, replace_after=0), 2.0),
        (Patience(warn_after=0, replace_after=0), math.inf),
    ],
)
def test_zero_turns_a_limit_off(patience: Patience, due_at: float) -> None:
    """For a child under a debugger, say."""
    pulse = pinged(patience)

    found = pulse.due_at

    assert found == due_at


def test_a_child_that_gets_a_job_is_asked_more_often() -> None:
    """At once, not after the long pause of an idle one."""
    pulse = Pulse(PATIENCE, 10.0, 0.5)

    pulse.set_interval(1.0, 3.2)

    assert pulse.due_at == 4.0
