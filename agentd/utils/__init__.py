"""Small helpers under the names that users of livekit-agents import from there.

All of it lives elsewhere, in a room that says what it is for; agentd's own code imports it from
there. Nothing new is put here.
"""

from __future__ import annotations

from agentd.aio.emitter import EventEmitter
from agentd.audio import AudioArrayBuffer, AudioBuffer, combine_frames
from agentd.given import is_given
from agentd.ids import shortuuid
from agentd.room.participants import wait_for_participant

from . import aio, audio, codecs

merge_frames = combine_frames

__all__ = [
    "AudioArrayBuffer",
    "AudioBuffer",
    "EventEmitter",
    "aio",
    "audio",
    "codecs",
    "combine_frames",
    "is_given",
    "merge_frames",
    "shortuuid",
    "wait_for_participant",
]
