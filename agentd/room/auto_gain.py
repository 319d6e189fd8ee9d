"""Quiet callers made louder, by WebRTC's own gain control."""

from __future__ import annotations

import logging

from livekit import rtc

from agentd.audio.frame import AudioFrame, as_frame, join_frames, split_frame

logger = logging.getLogger("agentd.room")

STEPS = 100
"""In a second: it takes 10 ms at once, and no more or less."""


class AutoGain:
    """Belongs to one stream. Costs 4 ms of CPU a second.

    Frames that are not whole 10 ms go on as they are: given one of them, WebRTC ends the process.
    So do all where it fails.
    """

    def __init__(self) -> None:
        self._module: rtc.AudioProcessingModule | None = rtc.AudioProcessingModule(
            auto_gain_control=True
        )

    def apply(self, frame: AudioFrame) -> AudioFrame:
        """The frame at its new loudness, of the same length."""
        if self._module is None or not _is_whole(frame):
            return frame
        try:
            return join_frames(_processed(self._module, frame))
        except RuntimeError as error:
            self._module = None
            logger.warning(
                "the gain control failed: the caller is heard as loud as he comes",
                extra={"action": "auto_gain_failed", "error": str(error)},
            )
            return frame


def _is_whole(frame: AudioFrame) -> bool:
    size, odd = divmod(frame.sample_rate, STEPS)
    return bool(frame.data) and not odd and frame.samples_per_channel % size == 0


def _processed(module: rtc.AudioProcessingModule, rest: AudioFrame) -> list[AudioFrame]:
    parts: list[AudioFrame] = []
    while rest.data:
        part, rest = split_frame(rest, 1 / STEPS)
        made = rtc.AudioFrame(
            bytearray(part.data), part.sample_rate, part.num_channels, part.samples_per_channel
        )
        module.process_stream(made)
        parts.append(as_frame(made))
    return parts
