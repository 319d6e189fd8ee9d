"""Voice activity detection: who speaks when, told from audio alone.

The interface that a plugin implements, its events, and the rule that cuts speech out of
single judgements. Audio comes in as PCM16 bytes, and time is what was fed, in seconds of
audio: nothing here reads a clock, waits, or knows rtc.
"""

from __future__ import annotations

from .base import VAD, VADStream
from .events import Activity, SpeechEnded, SpeechStarted, VADEvent, VADEventType
from .segmenter import SegmenterSettings

__all__ = [
    "VAD",
    "VADStream",
    "Activity",
    "SegmenterSettings",
    "SpeechStarted",
    "SpeechEnded",
    "VADEvent",
    "VADEventType",
]
