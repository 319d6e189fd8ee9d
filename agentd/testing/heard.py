"""What a scripted STT hears: by the instants of a script, or by the loudness of the audio.

Both are fed with audio and with the instant it ends at, and give events; neither has a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import is_audible
from agentd.stt.events import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    SpeechData,
    SpeechEvent,
    StartOfSpeech,
    TimedWord,
)
from agentd.vad.segmenter import Change, Segmenter, SegmenterSettings

CHUNK_SECONDS = 0.01


class Said(Struct, frozen=True, kw_only=True):
    """Something that is said in a scripted stream."""

    text: str
    start: float
    """Seconds since the stream's start."""
    end: float
    language: str = ""
    speaker_id: str | None = None
    confidence: float = 0.9


class Hearing(Protocol):
    """Turns audio, or the passing of time, into events."""

    def hear(self, audio: AudioFrame | None, at: float) -> list[SpeechEvent]:
        """What is to be told at an instant, up to which the audio has come."""

    def flush(self, at: float) -> list[SpeechEvent]:
        """What is to be told of what was begun, since no more of it is waited for."""

    def next_at(self) -> float | None:
        """When there is something to tell even if no audio comes; None where never."""


class ScriptedHearing:
    """Tells what the script says, when it says so."""

    def __init__(self, script: Iterable[Said], *, finalise_after: float, interim: bool) -> None:
        self._finalise_after = finalise_after
        self._due = sorted(
            (due for said in script for due in self._plan(said, interim=interim)),
            key=lambda due: due[0],
        )

    def hear(self, audio: AudioFrame | None, at: float) -> list[SpeechEvent]:
        """See Hearing; what the audio sounds like does not matter."""
        told: list[SpeechEvent] = []
        while self._due and self._due[0][0] <= at:
            told += self._due.pop(0)[2]
        return told

    def flush(self, at: float) -> list[SpeechEvent]:
        """See Hearing: what was begun is final, as far as it was said."""
        begun = [due for due in self._due if due[1].start <= at and _is_final(due)]
        self._due = [due for due in self._due if due[1].start > at]
        return [event for _, said, _ in begun for event in _final(said, min(at, said.end))]

    def next_at(self) -> float | None:
        """See Hearing."""
        return self._due[0][0] if self._due else None

    def _plan(self, said: Said, *, interim: bool) -> list[tuple[float, Said, list[SpeechEvent]]]:
        plan: list[tuple[float, Said, list[SpeechEvent]]] = [(said.start, said, [StartOfSpeech()])]
        if interim:
            plan += [
                (word.end_time, said, [InterimTranscript(data=_data(said, word.end_time))])
                for word in _words(said)
            ]
        return [*plan, (said.end + self._finalise_after, said, _final(said, said.end))]


class LoudnessHearing:
    """Takes each stretch of audible sound for the next of some texts; those after the last for "".

    A stretch is over after so much silence, as with an STT that has a VAD of its own.
    """

    def __init__(self, texts: list[str], *, finalise_after: float, interim: bool) -> None:
        self._texts = texts
        self._interim = interim
        self._segmenter = Segmenter(
            SegmenterSettings(min_speech_duration=0.05, min_silence_duration=finalise_after)
        )

    def hear(self, audio: AudioFrame | None, at: float) -> list[SpeechEvent]:
        """See Hearing."""
        if audio is None:
            return []
        size = max(1, round(CHUNK_SECONDS * audio.sample_rate))
        told: list[SpeechEvent] = []
        for start in range(0, audio.samples_per_channel, size):
            chunk = audio.samples[start : start + size]
            change = self._segmenter.process(len(chunk) / audio.sample_rate, is_audible(chunk))
            told += self._tell(change)
        return told

    def flush(self, at: float) -> list[SpeechEvent]:
        """See Hearing."""
        return self._tell(self._segmenter.finish())

    def next_at(self) -> float | None:
        """Never: time passes with the audio only."""
        return None

    def _tell(self, change: Change | None) -> list[SpeechEvent]:
        match change:
            case Change.STARTED if self._interim and self._texts:
                said = self._said(self._texts[0])
                return [StartOfSpeech(), InterimTranscript(data=_data(said, said.end))]
            case Change.STARTED:
                return [StartOfSpeech()]
            case Change.ENDED:
                said = self._said(self._texts.pop(0) if self._texts else "")
                return _final(said, said.end)
            case None:
                return []

    def _said(self, text: str) -> Said:
        return Said(text=text, start=self._segmenter.started_at, end=self._segmenter.ended_at)


def _is_final(due: tuple[float, Said, Sequence[SpeechEvent]]) -> bool:
    return any(isinstance(event, FinalTranscript) for event in due[2])


def _words(said: Said) -> list[TimedWord]:
    """The words, spread evenly over the time."""
    words = said.text.split()
    step = (said.end - said.start) / max(1, len(words))
    return [
        TimedWord(
            text=word,
            start_time=said.start + number * step,
            end_time=said.start + (number + 1) * step,
            confidence=said.confidence,
        )
        for number, word in enumerate(words)
    ]


def _data(said: Said, until: float) -> SpeechData:
    """What was said until an instant; words that are not over yet are left out."""
    words = [word for word in _words(said) if word.end_time <= until + 1e-9]
    return SpeechData(
        text=said.text if until >= said.end else " ".join(word.text for word in words),
        language=said.language,
        start_time=said.start,
        end_time=min(until, said.end),
        confidence=said.confidence,
        speaker_id=said.speaker_id,
        words=words,
    )


def _final(said: Said, until: float) -> list[SpeechEvent]:
    data = _data(said, until)
    return [FinalTranscript(data=data), EndOfSpeech()] if data.text else [EndOfSpeech()]
