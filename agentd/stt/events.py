"""What a speech-to-text stream tells, one Struct an event.

`type` and `alternatives` are there for code that was written for livekit-agents, where all of
them are one class.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct


class SpeechEventType(StrEnum):
    """The kinds of events."""

    START_OF_SPEECH = "start_of_speech"
    INTERIM_TRANSCRIPT = "interim_transcript"
    PREFLIGHT_TRANSCRIPT = "preflight_transcript"
    FINAL_TRANSCRIPT = "final_transcript"
    RECOGNITION_USAGE = "recognition_usage"
    END_OF_SPEECH = "end_of_speech"


class TimedWord(Struct, frozen=True, kw_only=True):
    """A word and where it is, in seconds since the stream's start."""

    text: str
    start_time: float
    end_time: float
    confidence: float = 0.0


class SpeechData(Struct, frozen=True, kw_only=True):
    """What was understood."""

    text: str
    language: str = ""
    start_time: float = 0.0
    """Seconds since the stream's start."""
    end_time: float = 0.0
    confidence: float = 0.0
    """From 0 to 1; 0 where the model has none."""
    speaker_id: str | None = None
    words: list[TimedWord] = []


class STTError(Struct, frozen=True, kw_only=True, eq=False):
    """A try has failed; what the event "error" of an STT carries."""

    timestamp: float
    """Wall time, seconds since the epoch."""
    label: str
    error: Exception
    recoverable: bool
    """Whether another try follows."""

    type: ClassVar[str] = "stt_error"


class _Event(Struct, frozen=True, kw_only=True):
    type: ClassVar[SpeechEventType]
    request_id: str = ""

    @property
    def alternatives(self) -> list[SpeechData]:
        """What was understood, the best first; empty for events without text."""
        return []


class StartOfSpeech(_Event, frozen=True, kw_only=True):
    """The model hears somebody speak."""

    type = SpeechEventType.START_OF_SPEECH


class EndOfSpeech(_Event, frozen=True, kw_only=True):
    """The model hears the end of it."""

    type = SpeechEventType.END_OF_SPEECH


class _Transcript(_Event, frozen=True, kw_only=True):
    data: SpeechData

    @property
    def text(self) -> str:
        return self.data.text

    @property
    def alternatives(self) -> list[SpeechData]:
        return [self.data]


class InterimTranscript(_Transcript, frozen=True, kw_only=True):
    """What it sounds like so far; the next one replaces it."""

    type = SpeechEventType.INTERIM_TRANSCRIPT


class PreflightTranscript(_Transcript, frozen=True, kw_only=True):
    """Very likely final: enough to begin a reply with, not to commit a turn."""

    type = SpeechEventType.PREFLIGHT_TRANSCRIPT


class FinalTranscript(_Transcript, frozen=True, kw_only=True):
    """What was said; it does not change any more."""

    type = SpeechEventType.FINAL_TRANSCRIPT


class RecognitionUsage(_Event, frozen=True, kw_only=True):
    """What has been recognised since the last such event."""

    audio_duration: float = 0.0
    """Seconds."""

    type = SpeechEventType.RECOGNITION_USAGE


SpeechEvent = (
    StartOfSpeech
    | InterimTranscript
    | PreflightTranscript
    | FinalTranscript
    | RecognitionUsage
    | EndOfSpeech
)
