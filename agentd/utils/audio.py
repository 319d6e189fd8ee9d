"""Helpers of audio; see `agentd.audio`."""

from __future__ import annotations

from agentd.audio import (
    AudioArrayBuffer,
    AudioByteStream,
    audio_frames_from_file,
    calculate_audio_duration,
    silence_frame,
    silence_frame_like,
)

__all__ = [
    "AudioArrayBuffer",
    "AudioByteStream",
    "audio_frames_from_file",
    "calculate_audio_duration",
    "silence_frame",
    "silence_frame_like",
]
