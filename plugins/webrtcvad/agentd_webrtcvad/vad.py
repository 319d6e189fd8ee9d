"""agentd's VAD interface on the `webrtcvad` extension, which only this module knows."""

from __future__ import annotations

from functools import partial
from typing import Literal

import webrtcvad  # type: ignore[import-untyped]  # it ships no annotations

from agentd.vad import VAD as BaseVAD
from agentd.vad import SegmenterSettings, VADStream
from agentd.vad.framed import FramedVADStream

FrameMs = Literal[10, 20, 30]

FRAME_MS = (10, 20, 30)
RATES = (8000, 16000, 32000, 48000)
MODES = (0, 1, 2, 3)


class VAD(BaseVAD):
    """WebRTC's voice activity detector.

    It tells voice from silence and steady noise by a few spectral features, in some 10 µs a
    frame, and takes music and other people for speech. `mode` is how strict it is: 0 lets most
    through, 3 least. Raises ValueError for a mode or frame length that the detector has not.
    """

    def __init__(
        self,
        *,
        mode: int = 2,
        frame_ms: FrameMs = 30,
        min_speech_duration: float = 0.1,
        min_silence_duration: float = 0.5,
        prefix_padding_duration: float = 0.3,
        max_speech_duration: float = 60.0,
    ) -> None:
        _check("mode", mode, MODES)
        _check("frame_ms", frame_ms, FRAME_MS)
        self._mode = mode
        self._frame_ms = frame_ms
        self._settings = SegmenterSettings(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_speech_duration=max_speech_duration,
        )

    @classmethod
    def load(cls, *, mode: int = 2, min_silence_duration: float = 0.5) -> VAD:
        """The same as `VAD(...)`, under the name that users of livekit-agents know."""
        return cls(mode=mode, min_silence_duration=min_silence_duration)

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class; knows 8, 16, 32 and 48 kHz."""
        _check("sample_rate", sample_rate, RATES)
        # The detector adapts to the noise it hears, so each source has one of its own.
        detector = webrtcvad.Vad(self._mode)
        return FramedVADStream(
            partial(detector.is_speech, sample_rate=sample_rate),
            sample_rate=sample_rate,
            frame_seconds=self._frame_ms / 1000,
            settings=self._settings,
        )


def _check(name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        choices = ", ".join(map(str, allowed))
        raise ValueError(f"{name} must be one of {choices}, but is '{value}'")
