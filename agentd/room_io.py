"""What a session takes from its room and gives to it, under livekit-agents' name for it."""

from __future__ import annotations

from agentd.room.deprecated import RoomInputOptions, RoomOutputOptions
from agentd.room.linking import ATTRIBUTE_PUBLISH_ON_BEHALF
from agentd.room.options import (
    AudioInputOptions,
    AudioOutputOptions,
    RoomOptions,
    TextInputEvent,
    TextInputOptions,
    TextOutputOptions,
    VideoInputOptions,
    VideoOutputOptions,
)
from agentd.room.roomio import RoomIO

__all__ = [
    "ATTRIBUTE_PUBLISH_ON_BEHALF",
    "AudioInputOptions",
    "AudioOutputOptions",
    "RoomIO",
    "RoomInputOptions",
    "RoomOptions",
    "RoomOutputOptions",
    "TextInputEvent",
    "TextInputOptions",
    "TextOutputOptions",
    "VideoInputOptions",
    "VideoOutputOptions",
]
