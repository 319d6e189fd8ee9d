"""How loud a side was, step by step, for a picture of a call."""

from __future__ import annotations

import math

from agentd.audio.pcm import Samples, rms

from .results import LEVEL_STEP

MAX_STEPS = 72_000
"""An hour; what comes later is not in the picture."""

FLOOR_DB = -50.0


class Levels:
    """The loudest of each step, from 0 (silence) to 100 (full scale)."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def add(self, at: float, samples: Samples, sample_rate: int) -> None:
        """Audio that began so many seconds after the beginning."""
        size = max(1, round(LEVEL_STEP * sample_rate))
        for start in range(0, len(samples), size):
            self._note(at + start / sample_rate, rms(samples[start : start + size]))

    def _note(self, at: float, loudness: float) -> None:
        index = int(max(0.0, at) / LEVEL_STEP)
        if index >= MAX_STEPS:
            return
        self.values.extend([0] * (index + 1 - len(self.values)))
        self.values[index] = max(self.values[index], _percent(loudness))


def _percent(loudness: float) -> int:
    if loudness <= 0.0:
        return 0
    return max(0, min(100, round(100.0 * (1.0 - 20.0 * math.log10(loudness) / FLOOR_DB))))
