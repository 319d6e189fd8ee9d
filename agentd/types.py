"""Small things that are used everywhere, under the name that users of livekit-agents import.

The topics and attributes are those of LiveKit's clients.
"""

from __future__ import annotations

from .given import NOT_GIVEN, NotGiven, NotGivenOr
from .protocol.job import ATTRIBUTE_AGENT_NAME
from .resilience.options import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from .room.agent_state import ATTRIBUTE_AGENT_STATE
from .room.linking import ATTRIBUTE_PUBLISH_ON_BEHALF
from .room.text_input import TOPIC_CHAT
from .room.transcripts import ATTRIBUTE_FINAL as ATTRIBUTE_TRANSCRIPTION_FINAL
from .room.transcripts import ATTRIBUTE_SEGMENT_ID as ATTRIBUTE_TRANSCRIPTION_SEGMENT_ID
from .room.transcripts import ATTRIBUTE_TRACK_ID as ATTRIBUTE_TRANSCRIPTION_TRACK_ID
from .room.transcripts import TOPIC_TRANSCRIPTION
from .voice.default_nodes import FlushSentinel

__all__ = [
    "ATTRIBUTE_AGENT_NAME",
    "ATTRIBUTE_AGENT_STATE",
    "ATTRIBUTE_PUBLISH_ON_BEHALF",
    "ATTRIBUTE_TRANSCRIPTION_FINAL",
    "ATTRIBUTE_TRANSCRIPTION_SEGMENT_ID",
    "ATTRIBUTE_TRANSCRIPTION_TRACK_ID",
    "DEFAULT_API_CONNECT_OPTIONS",
    "NOT_GIVEN",
    "TOPIC_CHAT",
    "TOPIC_TRANSCRIPTION",
    "APIConnectOptions",
    "FlushSentinel",
    "NotGiven",
    "NotGivenOr",
]
