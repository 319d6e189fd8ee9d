"""Two sides of a conversation on one clock, as one stereo track.

Each side gives frames and says when they were heard. Gaps become silence; what comes in one
stream stays in one piece, though its instants jitter as the network does.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum

import numpy as np

from .conform import Conformer
from .frame import AudioFrame, FrameLike, as_frame, from_samples
from .pcm import Samples

JITTER = 0.1
"""Seconds by which a frame may be early or late and still follow the one before without a gap."""
MAX_WAITING = 60.0
"""Seconds of audio that a side keeps until it is taken."""

MAX_TAKEN = 10.0
"""Seconds that are given out at once, however long the silence was."""


class Side(IntEnum):
    """The stereo channel."""

    LEFT = 0
    RIGHT = 1


class Timeline:
    """Puts frames where they belong in time. Instants are seconds on the caller's clock.

    `start_at` is the instant of the first sample that is given out.
    """

    def __init__(
        self, *, start_at: float, sample_rate: int = 48000, max_waiting: float = MAX_WAITING
    ) -> None:
        self._start_at = start_at
        self._rate = sample_rate
        self._given = 0
        self._sides = tuple(_Track(sample_rate, max_waiting) for _ in Side)

    @property
    def dropped(self) -> float:
        """Seconds of audio that had no place any more: too late, or too much at once."""
        return sum(side.dropped for side in self._sides) / self._rate

    def push(self, side: Side, at: float, frame: AudioFrame | FrameLike) -> None:
        """A side's next audio, first heard at an instant. Raises AudioError for no PCM16."""
        self._sides[side].push(self._sample(at), as_frame(frame), self._given)

    def cut(self, side: Side, at: float) -> None:
        """What a side was to be heard saying after an instant was not heard."""
        self._sides[side].cut(self._sample(at))

    def take(self, until: float) -> AudioFrame | None:
        """The next stereo audio before an instant, ten seconds at most; None when all is given.

        So it is called until there is None. What comes in later for before that instant is too
        late: leave the sides some time.
        """
        count = min(self._sample(until) - self._given, round(MAX_TAKEN * self._rate))
        if count <= 0:
            return None
        both = [side.take(self._given, count) for side in self._sides]
        self._given += count
        return from_samples(np.stack(both, axis=1), self._rate)

    def finish(self) -> float:
        """No more comes; the instant where the audio that is still to be taken ends."""
        for side in self._sides:
            side.finish(self._given)
        end = max(self._given, *(side.end for side in self._sides))
        return self._start_at + end / self._rate

    def _sample(self, at: float) -> int:
        return round((at - self._start_at) * self._rate)


class _Track:
    """One side. Places are numbers of samples since the start."""

    def __init__(self, rate: int, max_waiting: float) -> None:
        self._conformer = Conformer(rate)
        self._rate = rate
        self._jitter = round(JITTER * rate)
        self._room = round(max_waiting * rate)
        self._parts: deque[tuple[int, Samples]] = deque()
        """Place and samples of each piece, in order and without overlap."""
        self.end = 0
        """Place after the last sample."""
        self.dropped = 0

    def push(self, place: int, frame: AudioFrame, given: int) -> None:
        if place - given > self._room:
            self.dropped += round(frame.duration * self._rate)
            return
        if place > self.end + self._jitter:
            self._append(self._conformer.flush(), given)
            self.end = place
        self._append(self._conformer.push(frame), given)

    def cut(self, place: int) -> None:
        self._conformer.flush()
        while self._parts and self._parts[-1][0] + len(self._parts[-1][1]) > place:
            start, samples = self._parts.pop()
            if start < place:
                self._parts.append((start, samples[: place - start]))
        self.end = min(self.end, place)

    def take(self, first: int, count: int) -> Samples:
        whole = np.zeros(count, dtype=np.int16)
        while self._parts and self._parts[0][0] < first + count:
            start, samples = self._parts.popleft()
            fits = first + count - start
            if len(samples) > fits:
                self._parts.appendleft((first + count, samples[fits:]))
            whole[start - first : start - first + len(samples[:fits])] = samples[:fits]
        return whole

    def finish(self, given: int) -> None:
        self._append(self._conformer.flush(), given)

    def _append(self, frames: list[AudioFrame], given: int) -> None:
        for frame in frames:
            start, samples = self.end, frame.samples
            self.end += len(samples)
            late = min(len(samples), max(0, given - start))
            samples = samples[late:]
            over = len(samples) if self.end - given > self._room else 0
            self.dropped += late + over
            if len(samples) > over:
                self._parts.append((start + late, samples))
