"""What a text-to-speech stream gives."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from agentd.audio.frame import AudioFrame


class TimedText(Struct, frozen=True, kw_only=True):
    """A piece of the text and where in the segment's audio it is spoken, in seconds."""

    text: str
    start_time: float
    end_time: float


class SynthesizedAudio(Struct, frozen=True, kw_only=True):
    """The next piece of speech."""

    frame: AudioFrame
    request_id: str = ""
    segment_id: str = ""
    """A new one after each `flush`."""
    is_final: bool = False
    """Whether it is the last of its segment."""
    delta_text: str = ""
    """Of the text what this piece speaks, where the model tells."""
    timed_text: list[TimedText] = []
    """Its words' times, where the model tells."""


class TTSError(Struct, frozen=True, kw_only=True, eq=False):
    """A try has failed; what the event "error" of a TTS carries."""

    timestamp: float
    """Wall time, seconds since the epoch."""
    label: str
    error: Exception
    recoverable: bool
    """Whether another try follows."""

    type: ClassVar[str] = "tts_error"
