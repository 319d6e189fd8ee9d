"""Tests of agentd.audio.stream_decoder, agentd.audio.codecs and agentd.audio.files.

The coded files are made by PyAV's own encoders, not by our writer.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import threading
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from agentd.audio.codecs import CodedBytes
from agentd.audio.files import audio_frames_from_file
from agentd.audio.frame import AudioFrame
from agentd.audio.stream_decoder import AudioStreamDecoder
from agentd.errors import AudioError
from tests.support.sounds import joined, main_pitch, tone

DEADLINE = 10.0


def coded(container: str, codec: str, rate: int = 48000) -> bytes:
    """Half a second of 440 Hz as some other program would send it."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = tone(0.5, rate=rate).samples.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples.copy(), format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return file.getvalue()


def wav_file(frame: AudioFrame) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(frame.num_channels)
        writer.setsampwidth(2)
        writer.setframerate(frame.sample_rate)
        writer.writeframes(frame.data)
    return file.getvalue()


async def decode(data: bytes, size: int = 700, **settings: Any) -> list[AudioFrame]:
    """What a decoder gives for bytes in pieces."""
    async with asyncio.timeout(DEADLINE), AudioStreamDecoder(**settings) as decoder:
        for start in range(0, len(data), size):
            decoder.push(data[start : start + size])
        decoder.end_input()
        return [frame async for frame in decoder]


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp3", "mp3"), ("ogg", "libopus"), ("adts", "aac"), ("flac", "flac"), ("webm", "libopus")],
)
async def test_coded_audio_is_decoded(container: str, codec: str) -> None:
    """The tone comes out with its length, in the form that was asked for."""
    frames = await decode(coded(container, codec), sample_rate=24000, num_channels=1)

    samples = joined(frames)
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(24000, 1)}
    assert 0.49 < len(samples) / 24000 < 0.6
    assert abs(main_pitch(samples, 24000) - 440) < 3


@pytest.mark.parametrize("size", [1, 5, 100000])
async def test_wav_needs_no_codec(size: int) -> None:
    """It is decoded by our own code, in no thread."""
    before = threading.active_count()

    frames = await decode(wav_file(tone(0.2)), size, sample_rate=16000)

    assert joined(frames).tolist() == tone(0.2).samples.tolist()
    assert threading.active_count() <= before


async def test_audio_comes_before_the_last_byte() -> None:
    """A service that is still sending is heard already."""
    data = coded("mp3", "mp3")
    async with asyncio.timeout(DEADLINE), AudioStreamDecoder() as decoder:
        decoder.push(data[: len(data) - 500])

        first = await anext(decoder)

        assert first.samples_per_channel > 0


async def test_stereo_is_given_where_it_is_wanted() -> None:
    """Both sides of a mono file are alike."""
    frames = await decode(coded("mp3", "mp3"), num_channels=2)

    both = np.concatenate([frame.samples for frame in frames])
    assert both.shape[1] == 2
    assert np.array_equal(both[:, 0], both[:, 1])


async def test_a_reader_that_gives_up_loses_nothing() -> None:
    """What was being decoded when it was cancelled comes with the next call."""
    async with asyncio.timeout(DEADLINE), AudioStreamDecoder() as decoder:
        decoder.push(coded("mp3", "mp3")[:100])
        waiting = asyncio.ensure_future(anext(decoder))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

        decoder.push(coded("mp3", "mp3")[100:])
        decoder.end_input()
        frames = [frame async for frame in decoder]

    assert len(joined(frames)) / 48000 > 0.49


async def test_closing_ends_a_decoder_that_waits_for_bytes() -> None:
    """Its thread does not wait for ever."""
    decoder = AudioStreamDecoder()
    decoder.push(coded("mp3", "mp3")[:400])
    waiting = asyncio.ensure_future(anext(decoder))
    await asyncio.sleep(0)

    async with asyncio.timeout(DEADLINE):
        await decoder.aclose()
        await decoder.aclose()
        await asyncio.wait([waiting])

    assert isinstance(waiting.exception(), StopAsyncIteration | AudioError)
    with pytest.raises(StopAsyncIteration):
        await anext(decoder)


@pytest.mark.parametrize("data", [b"this is no audio at all, is it?", b"short", bytes(5000)])
async def test_what_is_no_audio_is_said(data: bytes) -> None:
    """When it is asked for, not when it is pushed."""
    with pytest.raises(AudioError, match="could not be decoded"):
        await decode(data)


async def test_a_broken_wav_is_said() -> None:
    """As with other kinds."""
    with pytest.raises(AudioError, match="12-bit"):
        await decode(wav_file(tone(0.1)).replace(b"\x10\0data", b"\x0c\0data"))


async def test_nothing_gives_nothing() -> None:
    """No bytes are no audio and no error."""
    assert await decode(b"") == []


async def test_bytes_after_the_end_are_refused() -> None:
    """Whoever sends them has lost count."""
    decoder = AudioStreamDecoder()
    decoder.end_input()

    with pytest.raises(AudioError, match="after the end of the input"):
        decoder.push(b"abc")


def test_coded_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that is never decoded does not fill the memory."""
    monkeypatch.setattr("agentd.audio.codecs.MAX_CODED", 10)
    source = CodedBytes()
    source.write(bytes(10))

    with pytest.raises(AudioError, match="more than 10 bytes"):
        source.write(b"x")


async def test_decoded_wav_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what is decoded at once."""
    monkeypatch.setattr("agentd.audio.stream_decoder.MAX_CODED", 1000)
    decoder = AudioStreamDecoder(sample_rate=16000)
    decoder.push(wav_file(tone(0.1)))

    with pytest.raises(AudioError, match="more than 1000 bytes"):
        decoder.push(b"x")


async def test_without_pyav_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """And WAV works all the same."""
    real = importlib.import_module

    def without_av(name: str) -> object:
        if name == "av":
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr("importlib.import_module", without_av)

    with pytest.raises(AudioError, match=r"pip install 'agentd\[codecs\]'"):
        await decode(coded("mp3", "mp3"))
    assert await decode(wav_file(tone(0.1)))


@pytest.mark.parametrize(
    ("name", "data"), [("a.wav", wav_file(tone(0.5))), ("a.mp3", coded("mp3", "mp3"))]
)
async def test_a_file_is_read_as_frames(tmp_path: Path, name: str, data: bytes) -> None:
    """In the form that is asked for."""
    (tmp_path / name).write_bytes(data)

    frames = [frame async for frame in audio_frames_from_file(tmp_path / name, 24000, 2)]

    samples = np.concatenate([frame.samples for frame in frames])
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(24000, 2)}
    assert 0.49 < len(samples) / 24000 < 0.6
    assert abs(main_pitch(samples[:, 0], 24000) - 440) < 3


@pytest.mark.parametrize(
    ("name", "message"), [("gone.wav", "there is no file '.*gone.wav'"), ("", "could not be read")]
)
async def test_a_file_that_can_not_be_read_is_named(
    tmp_path: Path, name: str, message: str
) -> None:
    """One that is missing, or a directory."""
    with pytest.raises(AudioError, match=message):
        [frame async for frame in audio_frames_from_file(tmp_path / name)]
