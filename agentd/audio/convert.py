"""Audio of any rate, channels and numbers into the one form that a stage wants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .frame import AudioFrame, FrameLike, as_frame, from_samples
from .pcm import FULL_SCALE, Samples, clipped
from .resample import Resampler


def pcm16_from_floats(values: npt.ArrayLike) -> Samples:
    """Samples from floats between -1 and 1, as most models give them.

    What is louder is cut off; NaN, which a model may give where it has lost its way, is silence.
    """
    return clipped(np.nan_to_num(np.clip(values, -1.0, 1.0)) * FULL_SCALE)


def with_channels(samples: Samples, channels: int) -> Samples:
    """Samples with another number of channels: more are copies of their mean, so one may be too."""
    have = 1 if samples.ndim == 1 else samples.shape[1]
    if have == channels:
        return samples
    mono = samples if samples.ndim == 1 else samples.mean(axis=1).astype(np.int16)
    return mono if channels == 1 else np.repeat(mono[:, None], channels, axis=1)


class Converter:
    """Turns frames of whatever form, which may change on the way, into frames of one form.

    Belongs to one stream of audio. Nothing is changed, and nothing copied, where a frame has the
    form already.
    """

    def __init__(self, sample_rate: int, num_channels: int = 1) -> None:
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self._resampler: Resampler | None = None

    def push(self, frame: AudioFrame | FrameLike) -> list[AudioFrame]:
        """Take the next audio; what is ready. Raises AudioError for what is no PCM16."""
        frame = as_frame(frame)
        ended = [] if self._resampler_for(frame.sample_rate) else self.flush()
        if frame.num_channels != self.num_channels:
            samples = with_channels(frame.samples, self.num_channels)
            frame = from_samples(samples, frame.sample_rate)
        if self._resampler is None:
            self._resampler = Resampler(frame.sample_rate, self.sample_rate, self.num_channels)
        return [*ended, *self._resampler.push(frame)]

    def flush(self) -> list[AudioFrame]:
        """The audio has ended: what was held back. The next push begins anew."""
        if self._resampler is None:
            return []
        frames = self._resampler.flush()
        self._resampler = None
        return frames

    def _resampler_for(self, rate: int) -> bool:
        return self._resampler is not None and self._resampler.input_rate == rate
