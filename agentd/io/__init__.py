"""What a session hears, sees, says and writes through: interfaces, and nothing else.

The room's side implements them on LiveKit (`agentd.room`), a console on a sound card, a test in
memory. They stand in chains: an output may hand on to the next, and each may be detached.
"""

from __future__ import annotations

from .attached import AgentInput, AgentOutput
from .base import (
    AudioInput,
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
    TextOutput,
    VideoFrame,
    VideoInput,
    VideoOutput,
)
from .session_side import SessionSide

__all__ = [
    "AgentInput",
    "AgentOutput",
    "AudioInput",
    "AudioOutput",
    "AudioOutputCapabilities",
    "PlaybackFinishedEvent",
    "PlaybackStartedEvent",
    "SessionSide",
    "TextOutput",
    "VideoFrame",
    "VideoInput",
    "VideoOutput",
]
