"""Frames of one length from bytes that come in pieces of any."""

from __future__ import annotations

from .frame import AudioFrame
from .pcm import SAMPLE_BYTES

FIRST_FRAME = 0.02
"""Seconds of the first frame of a progressive stream, after which each is twice the last."""
USUAL_FRAME = 0.1
"""Seconds of a frame, where nobody says otherwise."""


class AudioByteStream:
    """Cuts PCM16 bytes into frames. Pieces may end anywhere, in the middle of a sample too.

    `progressive` is for audio that somebody waits for: the first frames are short, so that they
    can be played early, and later ones grow up to the wanted length.
    """

    def __init__(
        self,
        sample_rate: int,
        num_channels: int,
        samples_per_channel: int | None = None,
        *,
        progressive: bool = False,
    ) -> None:
        if samples_per_channel is not None and samples_per_channel < 1:
            raise ValueError(f"samples_per_channel must be 1 or more, not {samples_per_channel}")
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._size = samples_per_channel or max(1, round(USUAL_FRAME * sample_rate))
        self._first = min(self._size, round(FIRST_FRAME * sample_rate)) if progressive else None
        self._next = self._first or self._size
        self._rest = bytearray()

    def push(self, data: bytes | bytearray | memoryview) -> list[AudioFrame]:
        """Take the next bytes; the frames that are complete."""
        self._rest += memoryview(data).cast("B")
        frames: list[AudioFrame] = []
        start = 0
        while len(self._rest) - start >= (size := self._bytes(self._next)):
            frames.append(self._frame(bytes(self._rest[start : start + size])))
            start += size
            self._next = min(self._size, 2 * self._next)
        del self._rest[:start]
        return frames

    write = push
    """The name that users of livekit-agents know."""

    def flush(self) -> list[AudioFrame]:
        """The audio has ended: the rest, as a shorter frame. Half a sample is dropped."""
        whole = len(self._rest) - len(self._rest) % self._bytes(1)
        rest = bytes(self._rest[:whole])
        self.clear()
        return [self._frame(rest)] if rest else []

    def clear(self) -> None:
        """Forget what waits."""
        self._rest.clear()
        self._next = self._first or self._size

    def _bytes(self, samples: int) -> int:
        return samples * SAMPLE_BYTES * self._num_channels

    def _frame(self, data: bytes) -> AudioFrame:
        return AudioFrame(data=data, sample_rate=self._sample_rate, num_channels=self._num_channels)
