"""The latest mono samples of a stream, for code that looks at a window of them."""

from __future__ import annotations

import numpy as np

from .conform import Conformer
from .frame import AudioFrame, FrameLike
from .pcm import Samples


class AudioArrayBuffer:
    """Keeps samples up to a number; when it is full the oldest make room."""

    def __init__(self, *, buffer_size: int, sample_rate: int = 16000) -> None:
        if buffer_size < 1:
            raise ValueError(f"buffer_size must be 1 or more, but is {buffer_size}")
        self._size = buffer_size
        self._samples = np.zeros(0, dtype=np.int16)
        self._conformer = Conformer(sample_rate)

    def __len__(self) -> int:
        return len(self._samples)

    def push_frame(self, frame: AudioFrame | FrameLike) -> int:
        """Add a frame, made mono and of the buffer's rate; how many samples were dropped for it."""
        new = [part.samples for part in self._conformer.push(frame)]
        samples = np.concatenate([self._samples, *new])
        dropped = max(0, len(samples) - self._size)
        self._samples = samples[dropped:]
        return dropped

    def read(self) -> Samples:
        """What is kept, the oldest first."""
        return self._samples.copy()

    def shift(self, size: int) -> Samples:
        """Take the oldest samples out, or as many as there are."""
        taken, self._samples = self._samples[:size], self._samples[size:]
        return taken

    def reset(self) -> None:
        """Forget everything."""
        self._samples = self._samples[:0]
        self._conformer.flush()
