"""The delays of a turn."""

from __future__ import annotations

from agentd.voice.turns.actions import TurnTiming


def test_delays_count_from_the_last_sound() -> None:
    """To the text, and to the decision."""
    timing = TurnTiming(started_at=1.0, ended_at=2.0, transcribed_at=2.25, committed_at=2.5)

    assert timing.transcription_delay == 0.25
    assert timing.end_of_utterance_delay == 0.5


def test_a_text_before_the_last_sound_took_no_time() -> None:
    """Nobody waited for it."""
    timing = TurnTiming(started_at=1.0, ended_at=2.0, transcribed_at=1.9, committed_at=2.5)

    assert timing.transcription_delay == 0.0


def test_what_is_not_known_took_no_time() -> None:
    """No sound was told of, and no final text came."""
    timing = TurnTiming(started_at=None, ended_at=None, transcribed_at=None, committed_at=2.5)

    assert (timing.transcription_delay, timing.end_of_utterance_delay) == (0.0, 0.0)
