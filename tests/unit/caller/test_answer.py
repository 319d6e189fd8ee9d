"""Tests of agentd.caller.answer."""

from __future__ import annotations

import pytest

from agentd.caller.answer import AnswerWatch


def make_watch(*heard_at: float, asked_until: float | None = 5.0) -> AnswerWatch:
    """The caller spoke from 1 s on; the agent was heard at these instants."""
    watch = AnswerWatch(silence_after=2.0)
    watch.asked_at = 1.0
    watch.asked_until = asked_until
    for at in heard_at:
        watch.hear(at, audible=True)
    return watch


def test_a_greeting_is_no_answer() -> None:
    """What is heard before the caller speaks does not count."""
    watch = AnswerWatch(silence_after=2.0)

    watch.hear(0.5, audible=True)

    assert watch.began_at is None


def test_an_answer_begins_with_its_first_sound() -> None:
    """The first audible instant is the beginning, the last one is kept too."""
    watch = make_watch(6.0, 6.5, 7.0)

    assert (watch.began_at, watch.heard_at) == (6.0, 7.0)


def test_silence_is_not_heard() -> None:
    """Inaudible audio changes nothing."""
    watch = make_watch()

    watch.hear(6.0, audible=False)

    assert watch.began_at is None


@pytest.mark.parametrize(("at", "over"), [(8.9, False), (9.0, True)])
def test_an_answer_is_over_after_enough_silence(at: float, over: bool) -> None:
    """Two seconds after the last sound, and not before."""
    assert over is make_watch(6.0, 7.0).is_over(at)


def test_an_answer_is_not_over_while_the_caller_speaks() -> None:
    """However long the agent has been silent."""
    assert not make_watch(2.0, asked_until=None).is_over(60.0)


def test_what_came_in_a_pause_is_not_the_whole_answer() -> None:
    """Something must be heard after the caller has ended."""
    watch = make_watch(2.0, 3.0)

    assert not watch.has_replied
    assert not watch.is_over(60.0)
