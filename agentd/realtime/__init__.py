"""Speech-to-speech models: the interface of a plugin, and its events."""

from __future__ import annotations

from .base import RealtimeCapabilities, RealtimeModel, RealtimeModelError, RealtimeSession
from .events import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    MessageGeneration,
    RealtimeError,
    RealtimeEvent,
    RemoteItemAdded,
    SessionReconnected,
)
from .fallback import RealtimeAvailabilityChangedEvent, RealtimeModelFallbackAdapter

__all__ = [
    "GenerationCreated",
    "InputSpeechStarted",
    "InputSpeechStopped",
    "InputTranscriptionCompleted",
    "MessageGeneration",
    "RealtimeAvailabilityChangedEvent",
    "RealtimeCapabilities",
    "RealtimeError",
    "RealtimeEvent",
    "RealtimeModel",
    "RealtimeModelError",
    "RealtimeModelFallbackAdapter",
    "RealtimeSession",
    "RemoteItemAdded",
    "SessionReconnected",
]
