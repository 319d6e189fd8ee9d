"""Tests of agentd.vad.framed, with a judge that takes any non-zero frame for speech."""

from __future__ import annotations

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
