"""A stretch of PCM16 audio, as it goes from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agentd.errors import AudioError

from .pcm import FULL_SCALE, SAMPLE_BYTES, Samples

PCM_FORMATS = ("B", "b", "c", "h", "<h")
"""Of a memoryview: bytes, or the samples themselves."""


class FrameLike(Protocol):
    """What an `rtc.AudioFrame` has too: user code may hand in either."""

    @property
    def data(self) -> bytes | bytearray | memoryview: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def num_channels(self) -> int: ...


class AudioFrame(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """Interleaved little-endian PCM16. Raises AudioError where bytes and channels do not fit."""

    data: bytes
    sample_rate: int
    """Samples in a second, of one channel."""
    num_channels: int = 1

    def __post_init__(self) -> None:
        if self.sample_rate <= 0 or self.num_channels <= 0:
            raise AudioError(
                f"a frame of {self.num_channels} channels at {self.sample_rate} Hz is no audio"
            )
        if len(self.data) % (SAMPLE_BYTES * self.num_channels):
            raise AudioError(
                f"{len(self.data)} bytes are no whole number of PCM16 samples "
                f"of {self.num_channels} channels"
            )

    @property
    def samples_per_channel(self) -> int:
        return len(self.data) // (SAMPLE_BYTES * self.num_channels)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples_per_channel / self.sample_rate

    @property
    def samples(self) -> Samples:
        """A view of the samples, shape (samples,) for mono and (samples, channels) else."""
        flat = np.frombuffer(self.data, dtype="<i2")
        return flat if self.num_channels == 1 else flat.reshape(-1, self.num_channels)


def as_frame(frame: AudioFrame | FrameLike) -> AudioFrame:
    """Our own kind of frame; raises AudioError for what is no PCM16."""
    if isinstance(frame, AudioFrame):
        return frame
    try:
        view = memoryview(frame.data)
        if view.format not in PCM_FORMATS:
            raise AudioError(f"samples of the format '{view.format}' are no PCM16")
        return AudioFrame(
            data=bytes(view.cast("B")),
            sample_rate=frame.sample_rate,
            num_channels=frame.num_channels,
        )
    except (AttributeError, TypeError) as error:
        raise AudioError(f"{type(frame).__name__} is no frame of audio: {error}") from error


def from_samples(samples: Samples, sample_rate: int) -> AudioFrame:
    """A frame of samples, shape (samples,) or (samples, channels); see `from_floats` for others."""
    if samples.dtype.kind not in "iu":
        raise AudioError(f"PCM16 samples are integers, but these are {samples.dtype}")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = np.ascontiguousarray(samples, dtype="<i2").tobytes()
    return AudioFrame(data=data, sample_rate=sample_rate, num_channels=channels)


def from_floats(values: npt.NDArray[np.floating], sample_rate: int) -> AudioFrame:
    """A frame of numbers from -1 to 1, as models give them; what lies beyond is clipped.

    Raises AudioError for NaN and infinity, which no loudspeaker can play.
    """
    if not np.isfinite(values).all():
        raise AudioError(f"audio of {len(values)} samples has NaN or infinity in it")
    scaled = np.clip(np.rint(values * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return from_samples(scaled.astype(np.int16), sample_rate)


def to_mono(frame: AudioFrame) -> AudioFrame:
    """The average of all channels; a mono frame is returned as it is."""
    if frame.num_channels == 1:
        return frame
    mixed = np.rint(frame.samples.mean(axis=1)).astype(np.int16)
    return from_samples(mixed, frame.sample_rate)


def with_channels(frame: AudioFrame, channels: int) -> AudioFrame:
    """The frame with so many channels: each is the average of those that there were."""
    if frame.num_channels == channels:
        return frame
    mono = to_mono(frame)
    if channels == 1:
        return mono
    return from_samples(np.repeat(mono.samples[:, None], channels, axis=1), frame.sample_rate)


def join_frames(frames: Sequence[AudioFrame]) -> AudioFrame:
    """One frame after the other; raises AudioError for none, or for different formats."""
    formats = {(frame.sample_rate, frame.num_channels) for frame in frames}
    if len(formats) != 1:
        raise AudioError(f"can't join {len(frames)} frames of {len(formats)} formats into one")
    rate, channels = formats.pop()
    data = b"".join(frame.data for frame in frames)
    return AudioFrame(data=data, sample_rate=rate, num_channels=channels)


def split_frame(frame: AudioFrame, seconds: float) -> tuple[AudioFrame, AudioFrame]:
    """The first seconds of a frame, and the rest; either may be empty."""
    count = min(max(0, round(seconds * frame.sample_rate)), frame.samples_per_channel)
    size = count * SAMPLE_BYTES * frame.num_channels
    first, rest = (
        AudioFrame(data=data, sample_rate=frame.sample_rate, num_channels=frame.num_channels)
        for data in (frame.data[:size], frame.data[size:])
    )
    return first, rest


def last_seconds(frame: AudioFrame, seconds: float) -> AudioFrame:
    """The end of a frame; all of it where it is not longer."""
    if frame.duration <= seconds:
        return frame
    size = round(seconds * frame.sample_rate) * SAMPLE_BYTES * frame.num_channels
    return AudioFrame(
        data=frame.data[len(frame.data) - size :],
        sample_rate=frame.sample_rate,
        num_channels=frame.num_channels,
    )


def silent_frame(seconds: float, sample_rate: int, num_channels: int = 1) -> AudioFrame:
    """Silence of a length in seconds."""
    size = round(seconds * sample_rate) * SAMPLE_BYTES * num_channels
    return AudioFrame(data=bytes(size), sample_rate=sample_rate, num_channels=num_channels)
