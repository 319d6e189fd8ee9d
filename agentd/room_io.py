"""What a session has to do with its room, under the name that users of livekit-agents import."""

from __future__ import annotations

from .room.linking import ATTRIBUTE_PUBLISH_ON_BEHALF
from .room.options import (
    AudioInputOptions,
    AudioOutputOptions,
    RoomOptions,
    TextInputEvent,
    TextInputOptions,
    TextOutputOptions,
    VideoInputOptions,
)
from .room.roomio import RoomIO

__all__ = [
    "ATTRIBUTE_PUBLISH_ON_BEHALF",
    "AudioInputOptions",
    "AudioOutputOptions",
    "RoomIO",
    "RoomOptions",
    "TextInputEvent",
    "TextInputOptions",
    "TextOutputOptions",
    "VideoInputOptions",
]
