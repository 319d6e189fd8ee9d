"""How long silence must last."""

from __future__ import annotations

import pytest

from agentd.voice.turns.endpointing import Endpointing
from agentd.voice.turns.options import EndpointingRules

DYNAMIC = EndpointingRules(mode="dynamic", min_delay=0.5, max_delay=3.0, alpha=0.5)


def pause(endpointing: Endpointing, start: float, seconds: float) -> None:
    """One pause of the user's."""
    endpointing.speech_ended(start, counts=True)
    endpointing.speech_started(start + seconds)


def test_a_fixed_delay_learns_nothing() -> None:
    """However the user pauses."""
    endpointing = Endpointing(EndpointingRules())
    pause(endpointing, 1.0, 2.0)

    assert (endpointing.min_delay, endpointing.max_delay) == (0.5, 3.0)


def test_a_dynamic_delay_follows_the_moving_average_of_pauses() -> None:
    """The past weighs alpha."""
    endpointing = Endpointing(DYNAMIC)
    pause(endpointing, 1.0, 1.5)
    pause(endpointing, 5.0, 2.0)

    assert endpointing.min_delay == pytest.approx(0.5 * (0.5 * 0.5 + 0.5 * 1.5) + 0.5 * 2.0)


def test_short_pauses_do_not_go_below_the_shortest_delay() -> None:
    """min_delay is a bound, not only where it begins."""
    endpointing = Endpointing(DYNAMIC)
    pause(endpointing, 1.0, 0.1)

    assert endpointing.min_delay == 0.5


def test_silence_longer_than_the_longest_delay_is_no_pause() -> None:
    """Such a user had finished."""
    endpointing = Endpointing(DYNAMIC)
    pause(endpointing, 1.0, 3.1)

    assert endpointing.min_delay == 0.5


def test_what_the_agent_says_between_makes_it_no_pause() -> None:
    """It is an answer to an answer then."""
    endpointing = Endpointing(DYNAMIC)
    endpointing.speech_ended(1.0, counts=True)
    endpointing.agent_heard(1.5)
    endpointing.speech_started(1.8)

    assert endpointing.min_delay == 0.5


def test_the_agents_lead_in_is_not_heard() -> None:
    """Speech within 0.25 s of the agent's first audio goes on after a pause."""
    endpointing = Endpointing(DYNAMIC)
    endpointing.speech_ended(1.0, counts=True)
    endpointing.agent_heard(1.6)
    endpointing.speech_started(1.8)

    assert endpointing.min_delay == pytest.approx(0.65)


def test_the_silence_after_a_backchannel_is_no_pause() -> None:
    """It was no part of a turn."""
    endpointing = Endpointing(DYNAMIC)
    endpointing.speech_ended(1.0, counts=False)
    endpointing.speech_started(2.0)

    assert endpointing.min_delay == 0.5


def test_other_rules_keep_what_was_learned() -> None:
    """As far as they allow it."""
    endpointing = Endpointing(DYNAMIC)
    pause(endpointing, 1.0, 2.5)
    endpointing.change(EndpointingRules(mode="dynamic", min_delay=0.3, max_delay=1.2))

    assert (endpointing.min_delay, endpointing.max_delay) == (1.2, 1.2)
