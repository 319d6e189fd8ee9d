"""What a piece of speech is to agentd: mono PCM16 samples and their rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Samples = npt.NDArray[np.int16]

FULL_SCALE = 32768.0

SAMPLE_BYTES = 2
"""A PCM16 sample."""

AUDIBLE_RMS = 0.003
"""Loudness, of full scale, from which a stretch counts as audible: -50 dBFS. Speech lies 20 to
30 dB above it; what an idle track decodes to lies far below."""


class Clip(Struct, frozen=True, kw_only=True, eq=False):
    """Mono audio."""

    samples: Samples
    sample_rate: int
    """Samples in a second."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def cut(self, start: float, end: float) -> Clip:
        """The part between two instants, in seconds; what lies outside of the clip is left out."""
        first, last = (max(0, round(at * self.sample_rate)) for at in (start, end))
        return Clip(samples=self.samples[first:last], sample_rate=self.sample_rate)

    def chunks(self, seconds: float) -> Iterator[Samples]:
        """The samples in chunks of a fixed length; the last one is filled up with silence."""
        size = round(seconds * self.sample_rate)
        for start in range(0, len(self.samples), size):
            chunk = self.samples[start : start + size]
            yield chunk if len(chunk) == size else np.pad(chunk, (0, size - len(chunk)))


def from_bytes(pcm: bytes | bytearray | memoryview, sample_rate: int) -> Clip:
    """A clip from little-endian PCM16 bytes, which it does not copy."""
    return Clip(samples=np.frombuffer(pcm, dtype="<i2"), sample_rate=sample_rate)


def silence(seconds: float, sample_rate: int) -> Clip:
    """A clip without a sound."""
    samples = np.zeros(round(seconds * sample_rate), dtype=np.int16)
    return Clip(samples=samples, sample_rate=sample_rate)


def join(clips: list[Clip]) -> Clip:
    """One clip after the other; raises ValueError for none, or for different rates."""
    rates = {clip.sample_rate for clip in clips}
    if len(rates) != 1:
        raise ValueError(f"can't join clips of {sorted(rates)} Hz")
    samples = np.concatenate([clip.samples for clip in clips])
    return Clip(samples=samples, sample_rate=rates.pop())


def clipped(values: npt.NDArray[Any]) -> Samples:
    """Samples from computed numbers: rounded, and cut off at full scale rather than wrapped."""
    samples: Samples = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return samples


def rms(samples: Samples) -> float:
    """Root mean square loudness, from 0 for silence to 1 for full scale."""
    if len(samples) == 0:
        return 0.0
    # float32 keeps a 10 ms frame cheap; int16 would overflow when squared.
    scaled = samples.astype(np.float32)
    return float(np.sqrt(np.mean(scaled * scaled))) / FULL_SCALE


def is_audible(samples: Samples, threshold: float = AUDIBLE_RMS) -> bool:
    """Whether a stretch of some 10 to 50 ms is louder than a threshold."""
    return rms(samples) >= threshold


def audible_seconds(clip: Clip, window: float = 0.02) -> float:
    """How much of a clip is audible, in seconds, judged in windows of `window` seconds."""
    return sum(window for chunk in clip.chunks(window) if is_audible(chunk))
