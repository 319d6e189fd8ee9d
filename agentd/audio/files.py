"""Audio files, read as frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import BinaryIO

from agentd.errors import AudioError

from .codecs import CodedDecoder
from .conform import Conformer
from .frame import AudioFrame
from .wav_decoder import WavDecoder, is_wav

READ_BYTES = 16384
"""A tenth of a second of stereo at 48 kHz."""


async def audio_frames_from_file(
    file_path: str | Path, sample_rate: int = 48000, num_channels: int = 1
) -> AsyncGenerator[AudioFrame, None]:
    """The audio of a file, piece by piece; WAV by our own code, others by the extra `codecs`.

    Raises AudioError where the file can't be read, or has no audio.
    """
    with _open(file_path) as file:
        start = file.read(12)
        file.seek(0)
        if is_wav(start):
            for frame in _wav_frames(file, Conformer(sample_rate, num_channels)):
                yield frame
            return
        decoder = CodedDecoder(file, sample_rate=sample_rate, num_channels=num_channels)
        try:
            while (decoded := await asyncio.to_thread(decoder.next_frame)) is not None:
                yield decoded
        finally:
            decoder.close()


def _open(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise AudioError(f"there is no file '{path}'") from None
    except OSError as error:
        raise AudioError(f"'{path}' could not be read: {error.strerror}") from error


def _wav_frames(file: BinaryIO, conformer: Conformer) -> Iterator[AudioFrame]:
    decoder = WavDecoder()
    while data := file.read(READ_BYTES):
        for frame in decoder.push(data):
            yield from conformer.push(frame)
    for frame in decoder.flush():
        yield from conformer.push(frame)
    yield from conformer.flush()
