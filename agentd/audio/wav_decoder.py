"""WAV while it comes in, whatever the samples are: integers of 8 to 32 bits, or floats."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agentd.errors import AudioError

from .frame import AudioFrame, from_samples
from .pcm import FULL_SCALE, Samples, clipped

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE

ENDLESS = (0, 0xFFFFFFFF)
"""Sizes that a writer leaves which did not know the length: the data goes on to the end."""

MAX_FORMAT_BYTES = 1024
"""A `fmt ` chunk has 16 to 40 bytes."""


class _Format(Struct, frozen=True):
    tag: int
    channels: int
    sample_rate: int
    bits: int

    @property
    def block(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8


class WavDecoder:
    """Turns the bytes of a WAV file, in pieces of any size, into frames of PCM16.

    Rate and channels are the file's. Raises AudioError for bytes that are no WAV, or one with
    samples of another kind. A file that was cut short gives what there is of it.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._started = False
        self._skip = 0
        self._format: _Format | None = None
        self._left: int | None = None
        """Bytes of audio still to come; None before the data chunk."""

    def push(self, data: bytes | bytearray | memoryview) -> list[AudioFrame]:
        """Take the next bytes; the audio that is complete."""
        self._rest += memoryview(data).cast("B")
        while self._left is None and self._read_chunk():
            pass
        return self._audio()

    def flush(self) -> list[AudioFrame]:
        """The bytes have ended. Raises AudioError where no audio has begun."""
        if self._left is None:
            raise AudioError("the WAV file ends before its audio begins")
        return self._audio()

    def _read_chunk(self) -> bool:
        """Read or skip one chunk before the data; False where more bytes are needed."""
        if not self._started:
            return self._read_start()
        if self._skip:
            skipped = min(self._skip, len(self._rest))
            del self._rest[:skipped]
            self._skip -= skipped
            return not self._skip
        if len(self._rest) < 8:
            return False
        name, size = struct.unpack_from("<4sI", self._rest)
        match name:
            case b"fmt ":
                return self._read_format(size)
            case b"data":
                self._begin_data(size)
            case _:
                del self._rest[:8]
                self._skip = size + size % 2
        return True

    def _read_start(self) -> bool:
        if len(self._rest) < 12:
            return False
        if not is_wav(self._rest):
            raise AudioError("these bytes are no WAV file")
        del self._rest[:12]
        self._started = True
        return True

    def _read_format(self, size: int) -> bool:
        if not 16 <= size <= MAX_FORMAT_BYTES:
            raise AudioError(f"the WAV file has a format of {size} bytes, which none has")
        if len(self._rest) < 8 + size:
            return False
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", self._rest, 8)
        if tag == EXTENSIBLE and size >= 26:
            (tag,) = struct.unpack_from("<H", self._rest, 8 + 24)
        if (tag, bits) not in _READERS or not 1 <= channels <= 64 or not rate:
            raise AudioError(
                f"the WAV file has {bits}-bit samples of kind {tag} and {channels} channels "
                f"at {rate} Hz; known are integers of 8 to 32 bits and floats"
            )
        self._format = _Format(tag, channels, rate, bits)
        del self._rest[: 8 + size]
        return True

    def _begin_data(self, size: int) -> None:
        if self._format is None:
            raise AudioError("the WAV file has audio before it says of what form")
        self._left = 1 << 62 if size in ENDLESS else size
        del self._rest[:8]

    def _audio(self) -> list[AudioFrame]:
        if self._left is None or self._format is None:
            return []
        usable = min(len(self._rest), self._left)
        usable -= usable % self._format.block
        data = bytes(self._rest[:usable])
        del self._rest[:usable]
        self._left -= usable
        if self._left < self._format.block:
            self._rest.clear()  # what follows is chunks about other things
        if not data:
            return []
        samples = _READERS[self._format.tag, self._format.bits](data)
        if self._format.channels > 1:
            samples = samples.reshape(-1, self._format.channels)
        return [from_samples(samples, self._format.sample_rate)]


def is_wav(start: bytes | bytearray) -> bool:
    """Whether the first 12 bytes are those of a WAV file."""
    return bytes(start[:4]) in (b"RIFF", b"RF64") and bytes(start[8:12]) == b"WAVE"


def _from_8_bits(data: bytes) -> Samples:
    return (np.frombuffer(data, dtype=np.uint8).astype(np.int16) - 128) << 8


def _from_16_bits(data: bytes) -> Samples:
    return np.frombuffer(data, dtype="<i2")


def _from_24_bits(data: bytes) -> Samples:
    upper = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)[:, 1:]
    return np.ascontiguousarray(upper).view("<i2")[:, 0]


def _from_32_bits(data: bytes) -> Samples:
    return (np.frombuffer(data, dtype="<i4") >> 16).astype(np.int16)


def _from_floats(data: bytes) -> Samples:
    return _scaled(np.frombuffer(data, dtype="<f4"))


def _from_doubles(data: bytes) -> Samples:
    return _scaled(np.frombuffer(data, dtype="<f8"))


def _scaled(values: npt.NDArray[np.floating]) -> Samples:
    # A file is what it is: what is no number in it is silence, where a model's is refused.
    return clipped(np.nan_to_num(np.clip(values, -1.0, 1.0)) * FULL_SCALE)


_READERS = {
    (PCM, 8): _from_8_bits,
    (PCM, 16): _from_16_bits,
    (PCM, 24): _from_24_bits,
    (PCM, 32): _from_32_bits,
    (FLOAT, 32): _from_floats,
    (FLOAT, 64): _from_doubles,
}
