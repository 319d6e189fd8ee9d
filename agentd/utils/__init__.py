"""Small helpers under the names that users of livekit-agents import from there.

What agentd itself needs lives elsewhere, in a room that says what it is for, and is imported from
there; what is here is for users' code and plugins.
"""

from __future__ import annotations

from agentd.aio.emitter import EventEmitter
from agentd.aio.timing import wall_time
from agentd.audio import AudioArrayBuffer, AudioBuffer, combine_frames
from agentd.given import is_given
from agentd.ids import shortuuid
from agentd.room.awaited import (
    wait_for_agent,
    wait_for_participant_attribute,
    wait_for_track_publication,
)
from agentd.room.participants import wait_for_participant

from . import aio, audio, codecs, http_context
from .bounded_dict import BoundedDict
from .connection_pool import ConnectionPool
from .log import log_exceptions
from .numbers import ExpFilter, MovingAverage

merge_frames = combine_frames


def time_ms() -> int:
    """Milliseconds since the epoch."""
    return round(wall_time() * 1000)


__all__ = [
    "AudioArrayBuffer",
    "AudioBuffer",
    "BoundedDict",
    "ConnectionPool",
    "EventEmitter",
    "ExpFilter",
    "MovingAverage",
    "aio",
    "audio",
    "codecs",
    "combine_frames",
    "http_context",
    "is_given",
    "log_exceptions",
    "merge_frames",
    "shortuuid",
    "time_ms",
    "wait_for_agent",
    "wait_for_participant",
    "wait_for_participant_attribute",
    "wait_for_track_publication",
]
