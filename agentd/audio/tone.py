"""A steady tone: what a voice is to a test, and a line to a caller."""

from __future__ import annotations

import numpy as np

from .frame import AudioFrame, from_samples
from .pcm import clipped


def tone(
    pitch: float, count: int, sample_rate: int, *, level: int = 8000, start: int = 0
) -> AudioFrame:
    """So many samples of a sine of a pitch in Hz and a peak `level`, mono.

    `start` is the number of the first one, so that one piece goes on where another has ended.
    """
    times = np.arange(start, start + count) / sample_rate
    return from_samples(clipped(level * np.sin(2 * np.pi * pitch * times)), sample_rate)
