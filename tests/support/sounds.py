"""Audio for tests, and what can be measured of it."""

from __future__ import annotations

import numpy as np

from agentd.audio.frame import AudioFrame, from_samples, with_channels
from agentd.audio.pcm import Samples
from agentd.audio.tone import tone as sine


def tone(
    seconds: float, *, pitch: float = 440.0, rate: int = 16000, channels: int = 1, level: int = 8000
) -> AudioFrame:
    """A steady sine, the same on all channels."""
    return with_channels(sine(pitch, round(seconds * rate), rate, level=level), channels)


def pieces(frame: AudioFrame, size: int) -> list[AudioFrame]:
    """A frame in shorter ones, of so many samples each; the last may be shorter still."""
    samples = frame.samples
    starts = range(0, len(samples), size)
    return [from_samples(samples[start : start + size], frame.sample_rate) for start in starts]


def joined(frames: list[AudioFrame]) -> Samples:
    """The samples of frames of one form."""
    return np.concatenate([frame.samples for frame in frames])


def decibels(signal: Samples, reference: Samples) -> float:
    """How much louder a signal is than another, in dB."""
    power = np.mean(signal.astype(float) ** 2) / np.mean(reference.astype(float) ** 2)
    return float(10 * np.log10(power + 1e-12))


def main_pitch(samples: Samples, rate: int) -> float:
    """The strongest pitch, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[int(np.argmax(spectrum))])
