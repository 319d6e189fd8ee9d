"""Tests of agentd.audio.wav_decoder."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest

from agentd.audio.frame import AudioFrame
from agentd.audio.wav_decoder import WavDecoder
from agentd.errors import AudioError
from tests.support.sounds import tone

VALUES = [0.0, 0.5, -0.5, 0.25]


def by_python(frame: AudioFrame) -> bytes:
    """A WAV file as the standard library writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(frame.num_channels)
        writer.setsampwidth(2)
        writer.setframerate(frame.sample_rate)
        writer.writeframes(frame.data)
    return file.getvalue()


def by_hand(
    data: bytes, *, tag: int = 1, bits: int = 16, channels: int = 1, size: int | None = None
) -> bytes:
    """A WAV file of any form, with a chunk of another kind, of odd length, before its audio."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * block, block, bits)
    if tag == 0xFFFE:
        form = struct.pack(
            "<HHIIHHHHIH", tag, channels, 8000, 8000 * block, block, bits, 22, bits, 4, 1
        )
        form += bytes(14)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def decode(data: bytes, size: int = 1 << 20) -> tuple[list[int], set[tuple[int, int]]]:
    """All samples of a file that comes in pieces, and the forms of the frames."""
    decoder = WavDecoder()
    frames = [
        frame
        for start in range(0, len(data), size)
        for frame in decoder.push(data[start : start + size])
    ]
    frames += decoder.flush()
    forms = {(frame.sample_rate, frame.num_channels) for frame in frames}
    return [value for frame in frames for value in frame.samples.flatten().tolist()], forms


@pytest.mark.parametrize("size", [1, 3, 44, 45, 1000, 1 << 20])
def test_pieces_may_end_anywhere(size: int) -> None:
    """In the header, between its chunks, or in the middle of a sample."""
    frame = tone(0.05, rate=24000, channels=2)

    samples, forms = decode(by_python(frame), size)

    assert samples == frame.samples.flatten().tolist()
    assert forms == {(24000, 2)}


@pytest.mark.parametrize(
    ("tag", "bits", "data"),
    [
        (1, 8, bytes([128, 192, 64, 160])),
        (1, 16, np.array([0, 16384, -16384, 8192], "<i2").tobytes()),
        (1, 24, b"\0\0\0" b"\0\0\x40" b"\0\0\xc0" b"\0\0\x20"),
        (1, 32, np.array([0, 1 << 30, -(1 << 30), 1 << 29], "<i4").tobytes()),
        (3, 32, np.array(VALUES, "<f4").tobytes()),
        (3, 64, np.array(VALUES, "<f8").tobytes()),
        (0xFFFE, 16, np.array([0, 16384, -16384, 8192], "<i2").tobytes()),
    ],
)  # fmt: skip
def test_every_kind_of_sample_is_read(tag: int, bits: int, data: bytes) -> None:
    """As what they are of full scale; chunks of other kinds are skipped."""
    samples, forms = decode(by_hand(data, tag=tag, bits=bits), 5)

    assert samples == [0, 16384, -16384, 8192]
    assert forms == {(8000, 1)}


def test_what_is_no_number_is_silence() -> None:
    """NaN in a file of floats."""
    data = np.array([np.nan, 0.5, np.inf], "<f4").tobytes()

    assert decode(by_hand(data, tag=3, bits=32))[0] == [0, 16384, 32767]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_file_of_unknown_length_goes_on_to_its_end(size: int) -> None:
    """As services write it that do not know yet how much they will say."""
    assert decode(by_hand(b"\1\0\2\0", size=size))[0] == [1, 2]


def test_a_file_that_was_cut_short_gives_what_there_is() -> None:
    """Half a sample at its end is dropped."""
    assert decode(by_hand(b"\1\0\2\0\3", size=1000))[0] == [1, 2]


def test_what_comes_after_the_audio_is_no_audio() -> None:
    """A chunk with the title of the song is not played."""
    assert decode(by_hand(b"\1\0") + b"LIST\4\0\0\0abcd", 1)[0] == [1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ID3\x04this is an MP3 file", "no WAV file"),
        (by_hand(b"", tag=2, bits=4), "4-bit samples of kind 2"),
        (by_hand(b"", bits=12), "12-bit samples"),
        (by_hand(b"", channels=0), "0 channels"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "audio before it says of what form"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(99), "a format of 4294967295 bytes"),
        (b"RIFF\0\0\0\0WAVE", "ends before its audio begins"),
        (b"", "ends before its audio begins"),
    ],
)
def test_what_is_no_wav_is_said(data: bytes, message: str) -> None:
    """The error names what is wrong with it."""
    with pytest.raises(AudioError, match=message):
        decode(data)
