"""Text to speech: the interface of a plugin, its events, and streams over several attempts.

One text (`TTS.synthesize`), a text that is still being written (`TTS.stream`), a model that speaks
whole texts behind a tokenizer (`StreamAdapter`), several models in a row (`FallbackAdapter`).
"""

from __future__ import annotations

from .adapter import StreamAdapter
from .base import TTS
from .capabilities import TTSCapabilities
from .events import SynthesizedAudio, TimedText, TTSError
from .fallback import AvailabilityChangedEvent, FallbackAdapter
from .pacing import SentenceStreamPacer
from .stream import ChunkedStream, SynthesizeStream

__all__ = [
    "TTS",
    "TTSCapabilities",
    "TTSError",
    "ChunkedStream",
    "SynthesizeStream",
    "StreamAdapter",
    "FallbackAdapter",
    "AvailabilityChangedEvent",
    "SentenceStreamPacer",
    "SynthesizedAudio",
    "TimedText",
]
