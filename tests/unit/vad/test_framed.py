"""Tests of agentd.vad.framed, with a judge that takes any non-zero frame for speech."""

from __future__ import annotations

import pytest

from agentd.vad import SegmenterSettings, SpeechEnded, SpeechStarted
from agentd.vad.events import VADEvent
from agentd.vad.framed import FramedVADStream

FRAME = 320
"""Bytes of a 10 ms frame at 16 kHz."""


def make_stream(**settings: float) -> FramedVADStream:
    """A stream of 10 ms frames."""
    chosen = {"min_speech_duration": 0.02, "min_silence_duration": 0.03} | settings
    return FramedVADStream(
        any, sample_rate=16000, frame_seconds=0.01, settings=SegmenterSettings(**chosen)
    )


def frames(text: str) -> bytes:
    """One frame a character, filled with its code; a dot is silence."""
    return b"".join(bytes([0 if char == "." else ord(char)]) * FRAME for char in text)


def spoken(events: list[VADEvent]) -> list[str]:
    """The utterances among events, a character a frame."""
    ended = [event for event in events if isinstance(event, SpeechEnded)]
    return [event.pcm[::FRAME].replace(b"\0", b".").decode() for event in ended]


def test_utterance_has_its_padding_and_ends_with_its_last_sound() -> None:
    """Padding comes before the first sound; the silence that ended it is left out."""
    stream = make_stream(prefix_padding_duration=0.02)

    events = stream.push(frames("....abc...."))

    assert spoken(events) == [".." + "abc"]


def test_instants_are_seconds_of_audio() -> None:
    """Start and end are counted from the first sample pushed."""
    events = make_stream().push(frames("....abc...."))

    assert SpeechStarted(started_at=0.04) == events[0]
    assert isinstance(events[1], SpeechEnded)
    assert (round(events[1].started_at, 6), round(events[1].ended_at, 6)) == (0.04, 0.07)


def test_it_does_not_matter_how_the_audio_is_cut() -> None:
    """Pieces of any length, also odd ones, give the same events as the whole."""
    audio = frames("....abc.....defg....")
    stream = make_stream()

    events = [
        event for at in range(0, len(audio), 77) for event in stream.push(audio[at : at + 77])
    ]

    assert make_stream().push(audio) == events


def test_nothing_is_heard_twice() -> None:
    """Where padding reaches back into the utterance before, what was handed out stays out."""
    stream = make_stream(prefix_padding_duration=0.1, max_speech_duration=0.04)

    events = stream.push(frames("abcdefgh...."))

    assert spoken(events) == ["abcd", "efgh"]


def test_flush_gives_what_is_going_on() -> None:
    """The end of the audio ends the utterance."""
    stream = make_stream()
    stream.push(frames("..abc"))

    assert spoken(stream.flush()) == ["..abc"]
    assert stream.flush() == []


def test_samples_may_come_as_a_view_of_numbers() -> None:
    """What an rtc audio frame holds can be pushed as it is."""
    audio = frames("..abc....")

    events = make_stream().push(memoryview(audio).cast("h"))

    assert make_stream().push(audio) == events


def test_activity_in_silence() -> None:
    """Nobody has spoken: all of it was silence."""
    stream = make_stream()
    stream.push(frames("....."))

    found = stream.activity

    assert (found.heard, found.silence_duration, found.raw_silence_duration) == pytest.approx(
        (0.05,) * 3
    )
    assert (found.speaking, found.voiced, found.probability) == (False, False, 0.0)
    assert (found.speech_duration, found.raw_speech_duration) == (0.0, 0.0)


def test_activity_in_speech() -> None:
    """Speech is counted from its first sound, before it was certain."""
    stream = make_stream()
    stream.push(frames("..abc"))

    found = stream.activity

    assert (found.speaking, found.voiced, found.probability) == (True, True, 1.0)
    assert (found.speech_duration, found.raw_speech_duration) == pytest.approx((0.03,) * 2)
    assert (found.silence_duration, found.raw_silence_duration) == (0.0, 0.0)


def test_activity_in_a_pause_within_speech() -> None:
    """The utterance goes on, the voice does not."""
    stream = make_stream()
    stream.push(frames("..abc.."))

    found = stream.activity

    assert (found.speaking, found.voiced) == (True, False)
    assert found.speech_duration == pytest.approx(0.05)
    assert found.raw_silence_duration == pytest.approx(0.02)
    assert (found.raw_speech_duration, found.silence_duration) == (0.0, 0.0)


def test_activity_after_a_click() -> None:
    """A sound too short to count is no end of the silence that counts."""
    stream = make_stream()
    stream.push(frames("..abc....x."))

    found = stream.activity

    assert found.silence_duration == pytest.approx(0.06)
    assert found.raw_silence_duration == pytest.approx(0.01)


def test_speech_goes_on_below_the_threshold_that_started_it() -> None:
    """Within an utterance the lower threshold counts, outside of it the higher one."""
    stream = FramedVADStream(
        lambda frame: frame[0] / 10,
        sample_rate=16000,
        frame_seconds=0.01,
        settings=SegmenterSettings(min_speech_duration=0.02, min_silence_duration=0.02),
        activation_threshold=0.5,
        deactivation_threshold=0.3,
    )
    probabilities = [4, 4, 4, 5, 5, 4, 3, 2, 3, 2, 2, 4, 4]

    events = stream.push(b"".join(bytes([level]) * FRAME for level in probabilities))

    assert [round(event.started_at, 6) for event in events] == [0.03, 0.03]
    assert isinstance(events[1], SpeechEnded)
    assert round(events[1].ended_at, 6) == 0.09


def test_events_have_the_names_that_livekit_agents_gives_them() -> None:
    """Code that was written for it finds type and frames."""
    events = make_stream().push(frames("..abc..."))

    assert [event.type for event in events] == ["start_of_speech", "end_of_speech"]
    assert isinstance(events[1], SpeechEnded)
    assert [frame.data for frame in events[1].frames] == [events[1].pcm]
