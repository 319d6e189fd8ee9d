"""What one text-to-speech model can do, as data: nobody asks for a provider's name."""

from __future__ import annotations

from msgspec import Struct


class TTSCapabilities(Struct, frozen=True, kw_only=True):
    """The names are livekit-agents' (row 208)."""

    streaming: bool
    """It takes text as it is written (`speak_stream`); else `StreamAdapter` cuts sentences for it."""
    aligned_transcript: bool = False
    """It tells when each word is spoken (`SynthesizedAudio.timed_text`)."""
