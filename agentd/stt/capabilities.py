"""What one speech-to-text model can do, as data: nobody asks for a provider's name."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class STTCapabilities(Struct, frozen=True, kw_only=True):
    """The names are livekit-agents' (row 202)."""

    streaming: bool
    """It takes audio as it comes (`transcribe`); else `StreamAdapter` cuts utterances for it."""
    interim_results: bool = False
    """It says what it has understood before the end of an utterance."""
    offline_recognize: bool = True
    """It takes a whole utterance (`recognize_once`)."""
    diarization: bool = False
    aligned_transcript: Literal["word", "chunk", False] = False
    """For what it tells instants: each word, each stretch, or nothing."""
    keyterms: bool = False
    chat_context: bool = False
    reports_usage: bool = False
    """It sends RecognitionUsage itself; else the audio that it took is counted."""
