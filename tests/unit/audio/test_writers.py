"""Tests of agentd.audio.wav_writer and the OGG writer of agentd.audio.codecs.

What they write is read by the standard library and by PyAV, not by our own readers.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from agentd.audio.codecs import OggOpusWriter
from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import Samples
from agentd.audio.wav_writer import WavWriter
from agentd.errors import AudioError
from tests.support.sounds import main_pitch, tone

RATE = 48000


def two_tones(seconds: float) -> AudioFrame:
    """400 Hz on the left, 1000 Hz on the right."""
    left, right = (tone(seconds, pitch=pitch, rate=RATE).samples for pitch in (400, 1000))
    return from_samples(np.stack([left, right], axis=1), RATE)


def wav_samples(path: Path) -> Samples:
    """What Python's wave module finds in a stereo file."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def ogg_samples(path: Path) -> Samples:
    """What FFmpeg finds in a stereo file."""
    with av.open(str(path)) as file:
        parts = [frame.to_ndarray().T for frame in file.decode(audio=0)]
    return (np.concatenate(parts) * 32767).astype(np.int16)


def test_a_wav_file_is_whole_after_each_write(tmp_path: Path) -> None:
    """A copy taken in the middle, as a crash would leave it, has all that was written."""
    path = tmp_path / "a.wav"
    writer = WavWriter(path, sample_rate=RATE)
    found = [len(wav_samples(path))]
    for _ in range(3):
        writer.write(two_tones(0.5))
        shutil.copy(path, tmp_path / "crashed.wav")
        found.append(len(wav_samples(tmp_path / "crashed.wav")))
    writer.close()
    writer.close()

    assert found == [0, 24000, 48000, 72000]
    assert wav_samples(path)[:24000].tolist() == two_tones(0.5).samples.tolist()
    assert writer.duration == 1.5


def test_a_crash_between_audio_and_header_costs_one_piece(tmp_path: Path) -> None:
    """What stands behind the counted audio does not make the file unreadable."""
    path = tmp_path / "a.wav"
    writer = WavWriter(path, sample_rate=RATE)
    writer.write(two_tones(0.5))
    writer.close()
    with path.open("ab") as file:
        file.write(b"half a pie")

    assert len(wav_samples(path)) == 24000


def test_mono_is_written_to_both_sides(tmp_path: Path) -> None:
    """The file's channels are fixed."""
    writer = WavWriter(tmp_path / "a.wav", sample_rate=RATE)
    writer.write(tone(0.1, rate=RATE))
    writer.close()

    samples = wav_samples(tmp_path / "a.wav")
    assert np.array_equal(samples[:, 0], samples[:, 1])


def test_a_wav_file_says_when_it_is_as_long_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than counting on from nothing; what is there stays readable."""
    monkeypatch.setattr("agentd.audio.wav_writer.MAX_DATA", 100_000)
    writer = WavWriter(tmp_path / "a.wav", sample_rate=RATE)
    writer.write(two_tones(0.5))

    with pytest.raises(AudioError, match="as long as a WAV file can be"):
        writer.write(two_tones(0.5))
    writer.close()

    assert len(wav_samples(tmp_path / "a.wav")) == 24000


def test_an_ogg_file_has_both_sides(tmp_path: Path) -> None:
    """Each with its own tone, and the length of what was written."""
    writer = OggOpusWriter(tmp_path / "a.ogg")
    for _ in range(4):
        writer.write(two_tones(0.5))
    writer.close()
    writer.close()

    samples = ogg_samples(tmp_path / "a.ogg")
    assert writer.duration == 2.0
    assert abs(len(samples) / RATE - 2.0) < 0.03
    assert abs(main_pitch(samples[:, 0], RATE) - 400) < 2
    assert abs(main_pitch(samples[:, 1], RATE) - 1000) < 2


def test_an_ogg_file_is_readable_while_it_is_written(tmp_path: Path) -> None:
    """All but the last second or so is there for whoever comes after a crash."""
    writer = OggOpusWriter(tmp_path / "a.ogg")
    for _ in range(20):
        writer.write(two_tones(0.25))
    shutil.copy(tmp_path / "a.ogg", tmp_path / "crashed.ogg")
    writer.close()

    assert 4.0 < len(ogg_samples(tmp_path / "crashed.ogg")) / RATE < 5.0


Maker = Callable[[Path], WavWriter | OggOpusWriter]


def wav(path: Path) -> WavWriter:
    """A WAV file of 48 kHz."""
    return WavWriter(path, sample_rate=RATE)


@pytest.mark.parametrize("maker", [wav, OggOpusWriter])
def test_another_rate_is_refused(tmp_path: Path, maker: Maker) -> None:
    """The error names it."""
    writer = maker(tmp_path / "a")

    with pytest.raises(AudioError, match="not 16000 Hz"):
        writer.write(tone(0.1, rate=16000))
    writer.close()


@pytest.mark.parametrize("maker", [wav, OggOpusWriter])
def test_a_file_that_can_not_be_written_is_named(tmp_path: Path, maker: Maker) -> None:
    """Such as one in a directory that does not exist."""
    with pytest.raises(AudioError, match="gone/a' could not be written"):
        maker(tmp_path / "gone" / "a")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """As an error of ours, with the system's words."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(AudioError, match="/dev/full' could not be written: No space left"):
        WavWriter("/dev/full", sample_rate=RATE)


WRITE_AND_DIE = """
import os, signal, sys
from agentd.audio.codecs import OggOpusWriter
from agentd.audio.wav_writer import WavWriter
from tests.unit.audio.test_writers import RATE, two_tones
writers = [WavWriter(sys.argv[1], sample_rate=RATE), OggOpusWriter(sys.argv[2])]
for _ in range(20):
    for writer in writers:
        writer.write(two_tones(0.25))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_has_written(tmp_path: Path) -> None:
    """All of the WAV file, and of the OGG file all but the last second."""
    wav_path, ogg_path = tmp_path / "a.wav", tmp_path / "a.ogg"

    killed = subprocess.run(
        [sys.executable, "-c", WRITE_AND_DIE, str(wav_path), str(ogg_path)],
        cwd=Path(__file__).parents[3],
        check=False,
        timeout=25,
    )

    assert killed.returncode == -signal.SIGKILL
    assert len(wav_samples(wav_path)) == 5 * RATE
    assert 4.0 < len(ogg_samples(ogg_path)) / RATE < 5.0
