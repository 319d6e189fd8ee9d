"""What users write about turns, and what the machine makes of it."""

from __future__ import annotations

import pytest

from agentd.voice.turns.options import (
    EndpointingRules,
    TurnHandlingOptions,
    merge_turn_handling,
    resolve_turn_rules,
)


def test_the_defaults_are_what_users_know() -> None:
    """Nothing given: livekit-agents' values."""
    rules = resolve_turn_rules()

    assert rules.endpointing == EndpointingRules(
        mode="fixed", min_delay=0.5, max_delay=3.0, alpha=0.9
    )
    assert rules.interruption.enabled
    assert rules.interruption.min_duration == 0.5
    assert rules.interruption.min_words == 0
    assert rules.interruption.false_interruption_timeout == 2.0
    assert rules.interruption.resume_false_interruption
    assert rules.interruption.discard_audio_if_uninterruptible
    assert rules.interruption.end_boundary == 1.0
    assert rules.preemptive_generation.enabled
    assert not rules.preemptive_generation.preemptive_tts
    assert rules.preemptive_generation.max_speech_duration == 10.0
    assert rules.preemptive_generation.max_retries == 3
    assert rules.user_turn_limit.max_words is None
    assert rules.user_turn_limit.max_duration is None
    assert rules.user_away_timeout == 15.0
    assert rules.aec_warmup_duration == 3.0
    assert rules.transcription_timeout is None


def test_a_model_for_audio_has_shorter_delays() -> None:
    """A streaming detector: 0.3 and 2.5; one for text has the usual ones."""
    audio = resolve_turn_rules(detector="audio").endpointing
    text = resolve_turn_rules(detector="text").endpointing

    assert (audio.min_delay, audio.max_delay) == (0.3, 2.5)
    assert (text.min_delay, text.max_delay) == (0.5, 3.0)


def test_a_given_delay_counts_whatever_the_detector() -> None:
    """Only what is missing is filled in."""
    rules = resolve_turn_rules({"endpointing": {"min_delay": 0.9}}, detector="audio")

    assert (rules.endpointing.min_delay, rules.endpointing.max_delay) == (0.9, 2.5)


def test_the_agents_keys_win_over_the_sessions() -> None:
    """Key by key, not part by part."""
    session: TurnHandlingOptions = {
        "turn_detection": "vad",
        "endpointing": {"min_delay": 0.7, "alpha": 0.5},
        "interruption": {"min_words": 2},
    }
    agent: TurnHandlingOptions = {"turn_detection": "manual", "endpointing": {"min_delay": 1.0}}

    merged = merge_turn_handling(session, agent)

    assert merged == {
        "turn_detection": "manual",
        "endpointing": {"min_delay": 1.0, "alpha": 0.5},
        "interruption": {"min_words": 2},
    }


@pytest.mark.parametrize(("boundary", "end"), [(None, 0.0), (0.3, 0.3), ((1.0, 0.2), 0.2)], ids=str)
def test_of_the_backchannel_boundary_the_end_counts(
    boundary: float | tuple[float, float] | None, end: float
) -> None:
    """One number for both, or a pair, or none."""
    rules = resolve_turn_rules({"interruption": {"backchannel_boundary": boundary}})

    assert rules.interruption.end_boundary == end


def test_own_backchannels_are_compared_as_they_are_heard() -> None:
    """Case and marks do not matter."""
    rules = resolve_turn_rules({"interruption": {"backchannels": ["Ja, ja!", "genau"]}})

    assert rules.interruption.backchannels == {"ja ja", "genau"}


def test_adaptive_interruption_is_taken_for_the_vads() -> None:
    """There is no such model here, and no reason to refuse the session."""
    assert resolve_turn_rules({"interruption": {"mode": "adaptive"}}) == resolve_turn_rules()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"endpointing": {"min_delay": -1}}, "endpointing.min_delay"),
        ({"endpointing": {"max_delay": float("nan")}}, "endpointing.max_delay"),
        ({"endpointing": {"max_delay": 0.2}}, "must not be less than min_delay"),
        ({"endpointing": {"alpha": 2}}, "endpointing.alpha"),
        ({"endpointing": {"mode": "slow"}}, "endpointing.mode must be one of fixed, dynamic"),
        ({"interruption": {"mode": "loud"}}, "interruption.mode"),
        ({"interruption": {"min_words": -1}}, "interruption.min_words"),
        ({"interruption": {"false_interruption_timeout": -2}}, "false_interruption_timeout"),
        ({"preemptive_generation": {"max_retries": -1}}, "preemptive_generation.max_retries"),
        ({"user_turn_limit": {"max_words": 0}}, "user_turn_limit.max_words must be 1 or more"),
        ({"user_turn_limit": {"max_duration": float("inf")}}, "user_turn_limit.max_duration"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_by_name(options: TurnHandlingOptions, told: str) -> None:
    """The user is told which key it is."""
    with pytest.raises(ValueError, match=told):
        resolve_turn_rules(options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"endpoint": {}}, "turn_handling has no key 'endpoint'"),
        ({"endpointing": {"delay": 1}}, "endpointing has no key 'delay', only mode, min_delay"),
    ],
    ids=str,
)
def test_a_key_that_does_not_exist_is_refused(options: TurnHandlingOptions, told: str) -> None:
    """A slip of the pen is not a default."""
    with pytest.raises(TypeError, match=told):
        resolve_turn_rules(options)


def test_the_sessions_own_times_are_checked_too() -> None:
    """They are no part of turn_handling."""
    with pytest.raises(ValueError, match="user_away_timeout"):
        resolve_turn_rules(user_away_timeout=-1)
