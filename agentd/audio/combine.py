"""Several frames as one, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from .frame import AudioFrame, FrameLike, as_frame, join_frames, silent_frame

AudioBuffer: TypeAlias = AudioFrame | FrameLike | Sequence[AudioFrame | FrameLike]
"""One frame or several, in order."""


def combine_frames(buffer: AudioBuffer) -> AudioFrame:
    """One frame with the audio of all; raises AudioError for none, or for different forms."""
    return join_frames(_frames(buffer))


def calculate_audio_duration(buffer: AudioBuffer) -> float:
    """Seconds."""
    return sum(frame.duration for frame in _frames(buffer))


silence_frame = silent_frame
"""The name that users of livekit-agents know."""


def silence_frame_like(frame: AudioFrame | FrameLike) -> AudioFrame:
    """Silence of the form and length of a frame."""
    like = as_frame(frame)
    return silent_frame(like.duration, like.sample_rate, like.num_channels)


def _frames(buffer: AudioBuffer) -> list[AudioFrame]:
    if isinstance(buffer, Sequence):
        return [as_frame(frame) for frame in buffer]
    return [as_frame(buffer)]
