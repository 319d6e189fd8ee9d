"""agentd's VAD interface on Silero's model."""

from __future__ import annotations

from typing import Literal

from agentd.vad import VAD as BaseVAD
from agentd.vad import SegmenterSettings, VADStream
from agentd.vad.framed import FramedVADStream

from .detector import WINDOW_SECONDS, Detector

RATES = (8000, 16000, 24000, 32000, 48000)

HYSTERESIS = 0.15
"""By how much a voice may become less certain and still go on."""
LEAST_THRESHOLD = 0.01


class VAD(BaseVAD):
    """Silero's voice activity detector.

    A small neural network that knows voices, in any language, and is not fooled by noise; some
    0.1 ms for 32 ms of audio. Speech begins where its probability reaches `activation_threshold`,
    and goes on down to `deactivation_threshold`, which is 0.15 lower unless it is given. Raises
    ValueError for a threshold that is none.
    """

    def __init__(
        self,
        *,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.25,
        prefix_padding_duration: float = 0.5,
        max_speech_duration: float = 60.0,
        activation_threshold: float = 0.5,
        deactivation_threshold: float | None = None,
    ) -> None:
        if deactivation_threshold is None:
            deactivation_threshold = max(activation_threshold - HYSTERESIS, LEAST_THRESHOLD)
        _check("activation_threshold", activation_threshold, most=1.0)
        _check("deactivation_threshold", deactivation_threshold, most=activation_threshold)
        self._activation_threshold = activation_threshold
        self._deactivation_threshold = deactivation_threshold
        self._settings = SegmenterSettings(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_speech_duration=max_speech_duration,
        )

    @classmethod
    def load(  # noqa: PLR0913 - the names that users know
        cls,
        *,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.55,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: float = 0.5,
        sample_rate: Literal[8000, 16000] = 16000,
        force_cpu: bool = True,
        deactivation_threshold: float | None = None,
    ) -> VAD:
        """The same, under the name and with the defaults that users of livekit-agents know.

        `sample_rate` and `force_cpu` change nothing: the model always hears 16 kHz, on the CPU.
        """
        return cls(
            min_speech_duration=min_speech_duration,
            min_silence_duration=min_silence_duration,
            prefix_padding_duration=prefix_padding_duration,
            max_speech_duration=max_buffered_speech,
            activation_threshold=activation_threshold,
            deactivation_threshold=deactivation_threshold,
        )

    def stream(self, *, sample_rate: int = 16000) -> VADStream:
        """See the base class; knows 8, 16, 24, 32 and 48 kHz."""
        if sample_rate not in RATES:
            choices = ", ".join(map(str, RATES))
            raise ValueError(f"sample_rate must be one of {choices}, but is '{sample_rate}'")
        return FramedVADStream(
            Detector(sample_rate),
            sample_rate=sample_rate,
            frame_seconds=WINDOW_SECONDS,
            settings=self._settings,
            activation_threshold=self._activation_threshold,
            deactivation_threshold=self._deactivation_threshold,
        )


def _check(name: str, value: float, *, most: float) -> None:
    if not 0.0 < value <= most:
        raise ValueError(f"{name} must be above 0 and at most {most}, but is {value}")
