"""What every VAD plugin must do, on real voices."""

from __future__ import annotations

import pytest

from agentd.audio.pcm import join, silence
from agentd.plugins import webrtcvad
from agentd.vad import VAD, SpeechEnded, SpeechStarted
from agentd.vad.events import VADEvent
from tests.support.recordings import NAMES, recording

RATE = 16000


@pytest.fixture(params=[pytest.param(webrtcvad.VAD, id="webrtcvad")])
def vad(request: pytest.FixtureRequest) -> VAD:
    """Each detector, with its defaults."""
    made = request.param()
    assert isinstance(made, VAD)
    return made


def listen(vad: VAD, name: str) -> list[VADEvent]:
    """The events of a recording with a second of silence around it."""
    clip = join([silence(1.0, RATE), recording(name), silence(1.0, RATE)])
    return vad.stream(sample_rate=RATE).push(clip.samples.tobytes())


@pytest.mark.parametrize("name", NAMES)
def test_starts_and_ends_alternate(vad: VAD, name: str) -> None:
    """Every utterance that starts ends, before the next one starts."""
    events = listen(vad, name)

    kinds = [type(event) for event in events]
    assert [SpeechStarted, SpeechEnded] * (len(events) // 2) == kinds
    assert events


@pytest.mark.parametrize("name", NAMES)
def test_nearly_all_of_the_speech_is_found(vad: VAD, name: str) -> None:
    """A recording that is mostly speech is mostly handed out."""
    ended = [event for event in listen(vad, name) if isinstance(event, SpeechEnded)]

    assert sum(event.speech_duration for event in ended) > 0.85 * recording(name).duration


@pytest.mark.parametrize("name", NAMES)
def test_instants_lie_in_the_recording(vad: VAD, name: str) -> None:
    """Speech is found where it is, give or take a little at the edges."""
    events = listen(vad, name)

    last = events[-1]
    assert isinstance(last, SpeechEnded)
    assert events[0].started_at > 0.9
    assert last.ended_at < 1.0 + recording(name).duration + 0.4


@pytest.mark.parametrize("name", NAMES)
def test_audio_is_what_was_pushed(vad: VAD, name: str) -> None:
    """The utterance's audio is cut from the recording, unchanged."""
    clip = join([silence(1.0, RATE), recording(name), silence(1.0, RATE)])

    events = vad.stream(sample_rate=RATE).push(clip.samples.tobytes())

    whole = clip.samples.tobytes()
    assert all(event.pcm in whole for event in events if isinstance(event, SpeechEnded))


def test_a_start_is_told_soon(vad: VAD) -> None:
    """The start is known within half a second of audio from the first sound."""
    clip = join([silence(1.0, RATE), recording("jfk").cut(0, 0.6)])

    events = vad.stream(sample_rate=RATE).push(clip.samples.tobytes())

    assert [SpeechStarted] == [type(event) for event in events]


def test_silence_is_no_speech(vad: VAD) -> None:
    """Nothing is told of silence."""
    stream = vad.stream(sample_rate=RATE)

    assert stream.push(silence(5.0, RATE).samples.tobytes()) + stream.flush() == []


def test_streams_do_not_know_each_other(vad: VAD) -> None:
    """Two sources that are heard at the same time give what each gives alone."""
    first, second = vad.stream(sample_rate=RATE), vad.stream(sample_rate=RATE)
    speech, quiet = recording("jfk").samples.tobytes(), silence(2.0, RATE).samples.tobytes()

    events = first.push(speech)
    other = second.push(quiet)

    assert events
    assert other == []


def test_an_unknown_rate_is_refused(vad: VAD) -> None:
    """The error names the rate."""
    with pytest.raises(ValueError, match="sample_rate must be one of .* but is '12345'"):
        vad.stream(sample_rate=12345)
