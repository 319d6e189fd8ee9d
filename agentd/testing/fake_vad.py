"""A VAD that goes by a script, or by loudness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentd.audio.pcm import AUDIBLE_RMS, rms
from agentd.vad import VAD, SegmenterSettings, VADStream
from agentd.vad.framed import FramedVADStream

FRAME_SECONDS = 0.01
RATES = (8000, 16000, 24000, 32000, 48000)


class FakeVAD(VAD):
    """Judges frames of 10 ms, exactly.

    With `speech`, a list of stretches in seconds of audio, it hears speech there and nowhere else,
    whatever the audio sounds like, in each stream anew. Without, what is louder than `threshold`
    (of full scale) is speech.
    """

    def __init__(
        self,
        speech: Sequence[tuple[float, float]] | None = None,
        *,
        threshold: float = AUDIBLE_RMS,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.25,
        prefix_padding_duration: float = 0.3,
        max_speech_duration: float = 60.0,
    ) -> None:
        self._speech = speech
        self._threshold = threshold
        self._settings = SegmenterSettings(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_speech_duration=max_speech_duration,
        )
        self.streams = 0
        """How many were started."""

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class."""
        if sample_rate not in RATES:
            choices = ", ".join(map(str, RATES))
            raise ValueError(f"sample_rate must be one of {choices}, but is '{sample_rate}'")
        self.streams += 1
        judge = self._is_loud if self._speech is None else _Script(self._speech)
        return FramedVADStream(
            judge,
            sample_rate=sample_rate,
            frame_seconds=FRAME_SECONDS,
            settings=self._settings,
        )

    def _is_loud(self, frame: bytes) -> bool:
        return rms(np.frombuffer(frame, dtype="<i2")) >= self._threshold


class _Script:
    """Judges the frames of one stream by their number."""

    def __init__(self, speech: Sequence[tuple[float, float]]) -> None:
        self._speech = [
            range(round(start / FRAME_SECONDS), round(end / FRAME_SECONDS)) for start, end in speech
        ]
        self._judged = 0

    def __call__(self, frame: bytes) -> bool:
        number, self._judged = self._judged, self._judged + 1
        return any(number in stretch for stretch in self._speech)
