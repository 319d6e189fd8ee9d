"""From one sample rate to another, while the audio is still coming in.

A polyphase windowed-sinc filter of our own. The C library that does this best, soxr, holds
back 20 ms to 40 ms of audio in its blocks, and 175 ms from 8 to 48 kHz (measured with 1.1.0 on
10 ms frames, qualities LQ to HQ): on the way from a microphone to a model, and from a voice to
a listener, each call would wait for it. This one holds back 16 samples of the lower rate, 2 ms
at 8 kHz, and a 20 ms frame costs it some 50 µs.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

from agentd.errors import AudioError

from .frame import AudioFrame, from_samples
from .pcm import Samples, clipped

MAX_WEIGHTS = 2**20
"""Of a filter, which takes a tenth of a second to make. All rates that microphones and models have
need a twentieth of it; two that have no common divisor need gigabytes."""

Floats = npt.NDArray[np.float32]

ZERO_CROSSINGS = 16
"""Of the sinc, on either side of its middle, which is how far the filter looks ahead."""
ROLL_OFF = 0.9
"""Where the filter begins to cut, of what the lower rate can hold: 7.2 kHz of 16 kHz audio."""
KAISER_BETA = 8.0
"""80 dB between what is kept and what would come back as an alias."""
BLOCK = 4096
"""Samples that are computed at once: bounds the memory that an hour of audio takes."""


class Resampler:
    """Turns frames of one rate into frames of another; with equal rates it hands them through.

    Belongs to one stream of audio. Output is aligned with input: what was at second 1.0 stays
    there. A `prompt` one gives as much as it was given with each push, later by what it would hold
    back: 1 ms from 24 to 16 kHz. Who judges in pieces of 10 or 20 ms, and is given such, need not
    wait for the next frame to have the last piece whole.
    Raises AudioError for a frame of another rate or number of channels.
    """

    def __init__(
        self, input_rate: int, output_rate: int, channels: int = 1, *, prompt: bool = False
    ) -> None:
        if min(input_rate, output_rate, channels) <= 0:
            raise AudioError(
                f"can't resample {channels} channels from {input_rate} Hz to {output_rate} Hz"
            )
        self.input_rate = input_rate
        self.output_rate = output_rate
        self.channels = channels
        common = gcd(input_rate, output_rate)
        self._up, self._down = output_rate // common, input_rate // common
        if self._up * (self._down + 2 * _reach(self._up, self._down)) > MAX_WEIGHTS:
            raise AudioError(
                f"can't resample from {input_rate} Hz to {output_rate} Hz: "
                "they have too small a common divisor"
            )
        self._filter = _filter(self._up, self._down)
        self._reach = _reach(self._up, self._down)
        self._ahead = self._reach if prompt else 0
        """Silence that is taken for granted before the audio."""
        self._restart()

    def push(self, frame: AudioFrame) -> list[AudioFrame]:
        """Take the next audio, of any length; what is ready, as one frame or none."""
        if (frame.sample_rate, frame.num_channels) != (self.input_rate, self.channels):
            raise AudioError(
                f"a resampler of {self.channels} channels at {self.input_rate} Hz was given "
                f"{frame.num_channels} at {frame.sample_rate} Hz"
            )
        if self._up == self._down:
            return [frame] if frame.data else []
        self._taken += frame.samples_per_channel
        # Up to the last output whose filter ends within what was taken.
        until = (self._taken - self._reach) * self._up // self._down
        return self._output(frame.samples.reshape(-1, self.channels).T, until)

    def flush(self) -> list[AudioFrame]:
        """The audio has ended: what was held back. The next push begins anew."""
        if self._up == self._down:
            return []
        total = round(self._taken * self._up / self._down)
        silence = np.zeros((self.channels, self._reach + 1), dtype=np.int16)
        frames = self._output(silence, total)
        self._restart()
        return frames

    def _restart(self) -> None:
        # As if silence came before: the first output's filter reaches back into it.
        silence = (self.channels, self._reach + self._ahead)
        self._kept: Floats = np.zeros(silence, dtype=np.float32)
        self._kept_from = -self._reach
        """Which sample of the input `_kept` begins with."""
        self._taken = self._ahead
        self._given = 0

    def _output(self, samples: Samples, until: int) -> list[AudioFrame]:
        """The outputs up to a number, from what was kept and more samples, a row a channel."""
        self._kept = np.concatenate([self._kept, samples], axis=1, dtype=np.float32)
        first, self._given = self._given, max(self._given, until)
        parts = [
            self._block(start, min(start + BLOCK, self._given))
            for start in range(first, self._given, BLOCK)
        ]
        self._forget()
        if not parts:
            return []
        samples = clipped(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))
        return [from_samples(samples[0] if self.channels == 1 else samples.T, self.output_rate)]

    def _block(self, first: int, last: int) -> Floats:
        """Whole periods, of which what was given before and what is not ready yet is left out."""
        period = first // self._up
        count = -(-last // self._up) - period
        size = self._filter.shape[0]
        start = period * self._down - self._reach + 1 - self._kept_from
        end = start + (count - 1) * self._down + size
        skipped = first - period * self._up
        rows = [
            (_windows(_part(row, start, end), size, self._down) @ self._filter).reshape(1, -1)
            for row in self._kept
        ]
        whole = rows[0] if self.channels == 1 else np.concatenate(rows)
        return whole[:, skipped : skipped + last - first]

    def _forget(self) -> None:
        """Drop what no later output's period reaches back to."""
        needed = self._given // self._up * self._down - self._reach + 1
        if needed > self._kept_from:
            self._kept = self._kept[:, needed - self._kept_from :]
            self._kept_from = needed


def resample(frame: AudioFrame, output_rate: int) -> AudioFrame:
    """A whole clip at another rate."""
    resampler = Resampler(frame.sample_rate, output_rate, frame.num_channels)
    parts = [*resampler.push(frame), *resampler.flush()]
    data = b"".join(part.data for part in parts)
    return AudioFrame(data=data, sample_rate=output_rate, num_channels=frame.num_channels)


def _part(row: Floats, start: int, end: int) -> Floats:
    """A stretch of a row; what is not there yet counts only for outputs that are left out."""
    part = row[start:end]
    return part if len(part) == end - start else np.pad(part, (0, end - start - len(part)))


def _windows(row: Floats, size: int, step: int) -> Floats:
    """Stretches of a size, as a view; numpy's own functions for it cost more than the rest."""
    shape = ((len(row) - size) // step + 1, size)
    return np.ndarray(shape, np.float32, row, 0, (step * row.itemsize, row.itemsize))


@lru_cache(maxsize=16)
def _filter(up: int, down: int) -> Floats:
    """Weights for one period: a row for each input that it reaches to, a column for each output.

    A period is the shortest stretch in which inputs and outputs come out even: `down` inputs
    make `up` outputs. All of it at once is one product of matrices, whatever the rates.
    """
    # Below the lower rate's limit, or its aliases would be heard.
    cutoff = ROLL_OFF * min(1.0, up / down)
    reach = _reach(up, down)
    # The rows stand for the inputs from reach - 1 before the period to reach after its last
    # output's; the outputs lie at down / up of an input from each other.
    places = np.arange(up) * down
    inputs = np.arange(-reach + 1, places[-1] // up + reach + 1)
    offsets = inputs[:, None] - places / up
    # A column is zero where its own filter does not reach.
    nearest = inputs[:, None] - places // up
    near = (nearest > -reach) & (nearest <= reach)
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / reach) ** 2, 0, None)))
    weights = np.where(near, np.sinc(cutoff * offsets) * window, 0.0)
    # Each column sums to one, so that a steady level stays steady.
    scaled: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return scaled


def _reach(up: int, down: int) -> int:
    """How many inputs the filter of an output reaches to, before it and after."""
    return int(np.ceil(ZERO_CROSSINGS * max(1.0, down / up)))
