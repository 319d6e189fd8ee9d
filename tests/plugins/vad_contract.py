"""What every VAD plugin must do, on real voices. A plugin's test class derives from it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from agentd.audio.pcm import join, silence
from agentd.vad import VAD, SpeechEnded, SpeechStarted
from agentd.vad.events import VADEvent
from tests.support.recordings import NAMES, recording

RATE = 16000


class VADContract(ABC):
    """Every test is run against the detector that `make` gives, with its defaults."""

    most_missed = 0.3
    """How much of the recordings it may take for silence: there are pauses in them."""

    @abstractmethod
    def make(self) -> VAD:
        """A fresh one."""

    @pytest.fixture
    def vad(self) -> VAD:
        """One."""
        return self.make()

    def listen(self, vad: VAD, name: str) -> list[VADEvent]:
        """The events of a recording with a second of silence around it."""
        clip = join([silence(1.0, RATE), recording(name), silence(1.0, RATE)])
        stream = vad.stream(sample_rate=RATE)
        return stream.push(clip.samples.tobytes()) + stream.flush()

    @pytest.mark.parametrize("name", NAMES)
    def test_starts_and_ends_alternate(self, vad: VAD, name: str) -> None:
        """Every utterance that starts ends, before the next one starts."""
        events = self.listen(vad, name)

        kinds = [type(event) for event in events]
        assert [SpeechStarted, SpeechEnded] * (len(events) // 2) == kinds
        assert events

    @pytest.mark.parametrize("name", NAMES)
    def test_nearly_all_of_the_speech_is_found(self, vad: VAD, name: str) -> None:
        """A recording that is mostly speech is mostly handed out."""
        ended = [event for event in self.listen(vad, name) if isinstance(event, SpeechEnded)]

        found = sum(event.speech_duration for event in ended)
        assert found > (1 - self.most_missed) * recording(name).duration

    @pytest.mark.parametrize("name", NAMES)
    def test_instants_lie_in_the_recording(self, vad: VAD, name: str) -> None:
        """Speech is found where it is, give or take a little at the edges."""
        events = self.listen(vad, name)

        last = events[-1]
        assert isinstance(last, SpeechEnded)
        assert events[0].started_at > 0.9
        assert last.ended_at < 1.0 + recording(name).duration + 0.4

    @pytest.mark.parametrize("name", NAMES)
    def test_audio_is_what_was_pushed(self, vad: VAD, name: str) -> None:
        """The utterance's audio is cut from the recording, unchanged, and ends with the speech."""
        clip = join([silence(1.0, RATE), recording(name), silence(1.0, RATE)])
        whole = clip.samples.tobytes()

        events = vad.stream(sample_rate=RATE).push(whole)

        for event in [event for event in events if isinstance(event, SpeechEnded)]:
            end = 2 * round(event.ended_at * RATE)
            assert whole[end - len(event.pcm) : end] == event.pcm

    @pytest.mark.parametrize("size", [77, 320, 3200, 31999])
    def test_it_does_not_matter_how_the_audio_is_cut(self, vad: VAD, size: int) -> None:
        """Pieces of any length, also odd ones, give the same events as the whole."""
        audio = recording("lv-0880").samples.tobytes() + bytes(2 * RATE)
        stream = vad.stream(sample_rate=RATE)

        events = [
            event
            for start in range(0, len(audio), size)
            for event in stream.push(audio[start : start + size])
        ]

        assert vad.stream(sample_rate=RATE).push(audio) == events

    def test_a_start_is_told_soon(self, vad: VAD) -> None:
        """The start is known within half a second of audio from the first sound."""
        clip = join([silence(1.0, RATE), recording("jfk").cut(0, 0.8)])

        events = vad.stream(sample_rate=RATE).push(clip.samples.tobytes())

        assert [SpeechStarted] == [type(event) for event in events]

    def test_silence_is_no_speech(self, vad: VAD) -> None:
        """Nothing is told of silence."""
        stream = vad.stream(sample_rate=RATE)

        assert stream.push(silence(5.0, RATE).samples.tobytes()) + stream.flush() == []

    def test_streams_do_not_know_each_other(self, vad: VAD) -> None:
        """Two sources that are heard in turn give what each gives alone."""
        first, second = vad.stream(sample_rate=RATE), vad.stream(sample_rate=RATE)
        speech = join([recording("lv-0880"), silence(1.0, RATE)]).samples.tobytes()
        quiet = bytes(len(speech))
        alone = vad.stream(sample_rate=RATE).push(speech)

        events: list[VADEvent] = []
        for start in range(0, len(speech), 640):
            events += first.push(speech[start : start + 640])
            assert second.push(quiet[start : start + 640]) == []

        assert events == alone

    def test_activity_says_what_is_going_on(self, vad: VAD) -> None:
        """Before, within and after an utterance, with durations that fit its events."""
        stream = vad.stream(sample_rate=RATE)
        stream.push(bytes(2 * RATE))
        before = stream.activity
        (started,) = stream.push(recording("lv-0880").cut(0, 1.5).samples.tobytes())
        within = stream.activity
        stream.push(bytes(4 * RATE))
        after = stream.activity

        assert (before.speaking, before.speech_duration) == (False, 0.0)
        assert before.silence_duration == pytest.approx(before.heard)
        assert within.speaking
        assert within.speech_duration == pytest.approx(within.heard - started.started_at)
        assert within.silence_duration == 0.0
        assert (after.speaking, after.voiced, after.speech_duration) == (False, False, 0.0)
        assert 1.5 < after.silence_duration < 2.5
        assert min(before.probability, within.probability, after.probability) >= 0.0
        assert max(before.probability, within.probability, after.probability) <= 1.0

    def test_an_unknown_rate_is_refused(self, vad: VAD) -> None:
        """The error names the rate."""
        with pytest.raises(ValueError, match="sample_rate must be one of .* but is '12345'"):
            vad.stream(sample_rate=12345)
