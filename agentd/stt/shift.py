"""Instants of an event, moved by some seconds: pure."""

from __future__ import annotations

from msgspec.structs import replace

from .events import (
    FinalTranscript,
    InterimTranscript,
    PreflightTranscript,
    SpeechData,
    SpeechEvent,
)


def shift_event(event: SpeechEvent, seconds: float, language: str = "") -> SpeechEvent:
    """The same event, that much later; text without a language gets the given one."""
    if isinstance(event, InterimTranscript | PreflightTranscript | FinalTranscript):
        return replace(event, data=shift_data(event.data, seconds, language))
    return event


def shift_data(data: SpeechData, seconds: float, language: str = "") -> SpeechData:
    """The same text, that much later; without a language it gets the given one."""
    words = [
        replace(word, start_time=word.start_time + seconds, end_time=word.end_time + seconds)
        for word in data.words
    ]
    return replace(
        data,
        start_time=data.start_time + seconds,
        end_time=data.end_time + seconds,
        words=words,
        language=data.language or language,
    )
