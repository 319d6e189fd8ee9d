"""Speech to text: the interface of a plugin, its events, and streams over several attempts.

One utterance (`STT.recognize`), a stream of audio (`RecognizeStream`), a model that does not
stream behind a VAD (`StreamAdapter`), several models in a row (`FallbackAdapter`).
"""

from __future__ import annotations

from .adapter import StreamAdapter
from .audioqueue import Flush
from .base import STT
from .capabilities import STTCapabilities
from .events import (
    EndOfSpeech,
    FinalTranscript,
    InterimTranscript,
    PreflightTranscript,
    RecognitionUsage,
    SpeechData,
    SpeechEvent,
    SpeechEventType,
    StartOfSpeech,
    STTError,
    TimedWord,
)
from .fallback import AvailabilityChangedEvent, FallbackAdapter
from .stream import RecognizeStream

SpeechStream = RecognizeStream
"""The name that it had in livekit-agents before."""

__all__ = [
    "STT",
    "STTCapabilities",
    "STTError",
    "RecognizeStream",
    "SpeechStream",
    "StreamAdapter",
    "FallbackAdapter",
    "AvailabilityChangedEvent",
    "Flush",
    "SpeechEvent",
    "SpeechEventType",
    "SpeechData",
    "TimedWord",
    "StartOfSpeech",
    "InterimTranscript",
    "PreflightTranscript",
    "FinalTranscript",
    "RecognitionUsage",
    "EndOfSpeech",
]
