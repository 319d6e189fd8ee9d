"""Tests of agentd.audio.wav."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from agentd.audio.pcm import Clip
from agentd.audio.wav import read_wav, write_wav
from agentd.errors import AudioError


def write_raw(path: Path, data: bytes, *, width: int = 2, channels: int = 1) -> None:
    """A WAV file of any shape."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(data)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Samples and rate survive a file."""
    clip = Clip(samples=np.array([0, 1, -32768, 32767], dtype=np.int16), sample_rate=24000)

    write_wav(tmp_path / "a.wav", clip)
    again = read_wav(tmp_path / "a.wav")

    assert again.sample_rate == 24000
    assert clip.samples.tolist() == again.samples.tolist()


def test_stereo_is_averaged(tmp_path: Path) -> None:
    """Two channels become one."""
    write_raw(tmp_path / "a.wav", np.array([100, 300, -2, -4], "<i2").tobytes(), channels=2)

    assert read_wav(tmp_path / "a.wav").samples.tolist() == [200, -3]


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The error has the path in quotes."""
    with pytest.raises(AudioError, match="there is no file '.*gone.wav'"):
        read_wav(tmp_path / "gone.wav")


def test_other_sample_width_gives_the_remedy(tmp_path: Path) -> None:
    """8-bit audio is refused with the command that converts it."""
    write_raw(tmp_path / "a.wav", b"\x80" * 10, width=1)

    with pytest.raises(AudioError, match="8-bit samples, not 16-bit; make one by `ffmpeg"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"ID3 this is an mp3 file", b"RIFF\x00\x00\x00\x00WAVE"])
def test_other_files_are_no_wav(tmp_path: Path, content: bytes) -> None:
    """A file of another kind, or one cut short, is refused and not crashed on."""
    (tmp_path / "a.wav").write_bytes(content)

    with pytest.raises(AudioError, match="is not a PCM WAV file"):
        read_wav(tmp_path / "a.wav")


def test_file_without_audio_is_refused(tmp_path: Path) -> None:
    """A header alone is no recording."""
    write_raw(tmp_path / "a.wav", b"")

    with pytest.raises(AudioError, match="has no audio in it"):
        read_wav(tmp_path / "a.wav")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """What the system says is passed on."""
    with pytest.raises(AudioError, match="could not be read: Is a directory"):
        read_wav(tmp_path)


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    """The error has the path in quotes."""
    clip = Clip(samples=np.zeros(1, dtype=np.int16), sample_rate=8000)

    with pytest.raises(AudioError, match=r"'.*none/a.wav' could not be written"):
        write_wav(tmp_path / "none" / "a.wav", clip)
