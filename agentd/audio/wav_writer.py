"""WAV files that are written bit by bit and readable at any moment."""

from __future__ import annotations

import struct
from pathlib import Path

from agentd.errors import AudioError

from .frame import AudioFrame, with_channels
from .pcm import SAMPLE_BYTES

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
MAX_DATA = 0xFFFFFFFF - HEADER.size
"""Bytes of audio that a WAV file can count: 6.2 hours of stereo at 48 kHz."""


class WavWriter:
    """Writes PCM16 of one rate; each `write` leaves a whole file behind, also if it is the last.

    The header is put right after the audio is in the file. So a process that dies in between
    leaves a valid file that lacks one piece. Blocking, as fast as the disk. Raises AudioError
    where the file can't be written, and for more audio than a WAV file can hold.
    """

    def __init__(self, path: str | Path, *, sample_rate: int, num_channels: int = 2) -> None:
        self._path = path
        self._sample_rate = sample_rate
        self._num_channels = num_channels
        self._size = 0
        try:
            self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - until `close`
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._file.write(self._header())
        except OSError as error:
            self._file.close()
            raise self._failed(error) from error

    @property
    def duration(self) -> float:
        """Seconds written."""
        return self._size / (SAMPLE_BYTES * self._num_channels * self._sample_rate)

    def write(self, frame: AudioFrame) -> None:
        """Add audio of the file's rate; its channels are adapted."""
        if frame.sample_rate != self._sample_rate:
            raise AudioError(
                f"'{self._path}' takes {self._sample_rate} Hz, not {frame.sample_rate} Hz"
            )
        data = memoryview(with_channels(frame, self._num_channels).data)
        if self._size + len(data) > MAX_DATA:
            raise AudioError(f"'{self._path}' is as long as a WAV file can be; write OGG instead")
        try:
            while data:
                written = self._file.write(data)
                self._size += written
                data = data[written:]
            self._file.seek(0)
            self._file.write(self._header())
            self._file.seek(0, 2)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Let go of the file. May be repeated."""
        self._file.close()

    def _header(self) -> bytes:
        return _header(self._size, self._sample_rate, self._num_channels)

    def _failed(self, error: OSError) -> AudioError:
        return AudioError(f"'{self._path}' could not be written: {error.strerror}")


def wav_bytes(frame: AudioFrame) -> bytes:
    """A frame as a WAV file, for services that take one."""
    return _header(len(frame.data), frame.sample_rate, frame.num_channels) + frame.data


def _header(size: int, sample_rate: int, num_channels: int) -> bytes:
    block = SAMPLE_BYTES * num_channels
    bits = 8 * SAMPLE_BYTES
    form = (b"fmt ", 16, 1, num_channels, sample_rate, sample_rate * block, block, bits)
    return HEADER.pack(b"RIFF", HEADER.size - 8 + size, b"WAVE", *form, b"data", size)
