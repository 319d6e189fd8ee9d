"""Several sounds at once: their sum, each at a volume of its own that may fade.

Pulled by whoever plays: a track that has nothing to give is silence, so nobody waits for it.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from .conform import Conformer
from .frame import AudioFrame, FrameLike, from_samples
from .pcm import Samples, clipped

Floats = npt.NDArray[np.float32]

MAX_WAITING = 10.0
"""Seconds that a track keeps for later, unless it is told otherwise."""


def mix(sounds: list[Samples]) -> Samples:
    """The sum of sounds of one shape; what goes beyond full scale is cut off, not wrapped."""
    return clipped(np.stack(sounds).sum(axis=0, dtype=np.int32))


def scale(samples: Samples, volume: float) -> Samples:
    """The same sound at another volume; 1 leaves it as it is."""
    if volume == 1.0:
        return samples
    return clipped(samples * np.float32(volume))


class Fade:
    """A volume that moves to another one, sample by sample, so that nothing clicks."""

    def __init__(self, volume: float = 1.0) -> None:
        self.volume = volume
        """As it is now."""
        self._target = volume
        self._left = 0

    def start(self, target: float, samples: int) -> None:
        """Move to a volume within so many samples; 0 is at once."""
        self._target, self._left = target, samples
        if samples <= 0:
            self.volume = target

    @property
    def settled(self) -> bool:
        """Whether it does not move."""
        return self._left <= 0

    def apply(self, samples: Samples) -> Samples:
        """The next samples at this volume; shape (samples,) or (samples, channels)."""
        if self._left <= 0:
            return scale(samples, self.volume)
        moving = min(self._left, len(samples))
        step = (self._target - self.volume) / self._left
        volumes = np.full(len(samples), self._target, dtype=np.float32)
        volumes[:moving] = self.volume + step * np.arange(1, moving + 1)
        self._left -= moving
        self.volume = float(volumes[moving - 1]) if self._left else self._target
        shaped = volumes if samples.ndim == 1 else volumes[:, None]
        return clipped(samples * shaped)


class Track:
    """One sound of a mixer: audio of any form goes in, and waits until the mixer plays it."""

    def __init__(
        self, sample_rate: int, num_channels: int, *, volume: float, max_waiting: float
    ) -> None:
        self._conformer = Conformer(sample_rate, num_channels)
        self._room = round(max_waiting * sample_rate)
        self._waiting: deque[Samples] = deque()
        self._count = 0
        self._ended = False
        self._fade = Fade(volume)

    @property
    def waiting(self) -> float:
        """Seconds of audio that the mixer has not played yet."""
        return self._count / self._conformer.sample_rate

    @property
    def is_full(self) -> bool:
        """Whether a push would be refused."""
        return self._count >= self._room

    @property
    def is_over(self) -> bool:
        """Whether it has ended and everything of it was played, or it has faded out."""
        return self._ended and (self._count == 0 or (self._fade.settled and not self._fade.volume))

    def push(self, frame: AudioFrame | FrameLike) -> bool:
        """Add audio; False where the track is full and the frame was not taken."""
        if self.is_full or self._ended:
            return False
        self._keep(self._conformer.push(frame))
        return True

    def end(self) -> None:
        """No more audio comes; what waits is still played."""
        if not self._ended:
            self._keep(self._conformer.flush())
            self._ended = True

    def fade(self, volume: float, seconds: float = 0.0) -> None:
        """Change the volume within some time; 1 is as it came."""
        self._fade.start(volume, round(seconds * self._conformer.sample_rate))

    def take(self, count: int) -> Samples:
        """The next samples, filled up with silence."""
        wanted = min(count, self._count)
        parts: list[Samples] = []
        while wanted:
            first = self._waiting.popleft()
            part, rest = first[:wanted], first[wanted:]
            if len(rest):
                self._waiting.appendleft(rest)
            parts.append(part)
            wanted -= len(part)
            self._count -= len(part)
        played = np.concatenate(parts) if parts else self._silence(0)
        missing = count - len(played)
        whole = np.concatenate([played, self._silence(missing)]) if missing else played
        return self._fade.apply(whole)

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._waiting.append(frame.samples)
            self._count += frame.samples_per_channel

    def _silence(self, count: int) -> Samples:
        channels = self._conformer.num_channels
        return np.zeros(count if channels == 1 else (count, channels), dtype=np.int16)


class Mixer:
    """Sums its tracks, and forgets those that are over."""

    def __init__(self, sample_rate: int = 48000, num_channels: int = 1) -> None:
        self.sample_rate = sample_rate
        self.num_channels = num_channels
        self._tracks: list[Track] = []

    def add(self, *, volume: float = 1.0, max_waiting: float = MAX_WAITING) -> Track:
        """A new sound, which the caller feeds and ends."""
        track = Track(self.sample_rate, self.num_channels, volume=volume, max_waiting=max_waiting)
        self._tracks.append(track)
        return track

    def remove(self, track: Track) -> None:
        """Play no more of it; does nothing for one that is over."""
        if track in self._tracks:
            self._tracks.remove(track)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to play, now or later."""
        return not self._tracks

    def read(self, seconds: float) -> AudioFrame:
        """The next audio of all tracks together."""
        count = round(seconds * self.sample_rate)
        sounds = [track.take(count) for track in self._tracks]
        self._tracks = [track for track in self._tracks if not track.is_over]
        shape = count if self.num_channels == 1 else (count, self.num_channels)
        samples = mix(sounds) if sounds else np.zeros(shape, dtype=np.int16)
        return from_samples(samples, self.sample_rate)
