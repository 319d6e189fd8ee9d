"""A caller's own loudspeaker taken out of his microphone, by WebRTC's audio processing."""

from __future__ import annotations

import logging

from livekit import rtc

from agentd.audio.pcm import SAMPLE_BYTES

logger = logging.getLogger("agentd.room")

STEPS = 100
"""In a second: it takes 10 ms at once, and no more or less."""


class CallerSound:
    """Echo, noise and a low hum taken away, the voice brought to one loudness. For one caller.

    Each side may be given from a thread of its own: WebRTC's module has locks.
    """

    def __init__(self) -> None:
        self._module: rtc.AudioProcessingModule | None = rtc.AudioProcessingModule(
            echo_cancellation=True,
            noise_suppression=True,
            high_pass_filter=True,
            auto_gain_control=True,
        )

    def set_delay(self, seconds: float) -> None:
        """From `played` until the echo of it comes to `heard`."""
        if self._module is not None:
            self._module.set_stream_delay_ms(round(seconds * 1000))

    def played(self, pcm: bytes, sample_rate: int) -> None:
        """These 10 ms go to the loudspeaker."""
        frame = _frame(pcm, sample_rate)
        if self._module is None or frame is None:
            return
        try:
            self._module.process_reverse_stream(frame)
        except RuntimeError as error:
            self._give_up(error)

    def heard(self, pcm: bytes, sample_rate: int) -> bytes:
        """10 ms from the microphone, cleaned; as they are where that fails."""
        frame = _frame(pcm, sample_rate)
        if self._module is None or frame is None:
            return pcm
        try:
            self._module.process_stream(frame)
        except RuntimeError as error:
            self._give_up(error)
            return pcm
        return bytes(frame.data.cast("B"))

    def _give_up(self, error: RuntimeError) -> None:
        self._module = None
        logger.warning(
            "the audio processing failed: the microphone is heard with its echo",
            extra={"action": "echo_cancellation_failed", "error": str(error)},
        )


def _frame(pcm: bytes, sample_rate: int) -> rtc.AudioFrame | None:
    """Given another length, WebRTC ends the process."""
    samples = sample_rate // STEPS
    if len(pcm) != samples * SAMPLE_BYTES:
        return None
    return rtc.AudioFrame(bytearray(pcm), sample_rate, 1, samples)
