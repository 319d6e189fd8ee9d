"""WAV files: PCM16, read as mono."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from agentd.errors import AudioError

from .pcm import SAMPLE_BYTES, Clip, Samples


def read_wav(path: str | Path) -> Clip:
    """Read a PCM16 WAV file; several channels are averaged into one.

    Raises AudioError for a file that is missing, empty or of another kind.
    """
    try:
        with Path(path).open("rb") as raw, wave.open(raw) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise AudioError(f"there is no file '{path}'") from None
    except (wave.Error, EOFError) as error:
        raise AudioError(f"'{path}' is not a PCM WAV file ({error}); {_remedy(path)}") from error
    except OSError as error:
        raise AudioError(f"'{path}' could not be read: {error.strerror}") from error
    if width != SAMPLE_BYTES:
        raise AudioError(f"'{path}' has {8 * width}-bit samples, not 16-bit; {_remedy(path)}")
    # A file that was cut short may end in the middle of a sample.
    whole = len(data) - len(data) % (SAMPLE_BYTES * channels)
    samples = _as_mono(np.frombuffer(data[:whole], dtype="<i2"), channels)
    if len(samples) == 0:
        raise AudioError(f"'{path}' has no audio in it")
    return Clip(samples=samples, sample_rate=rate)


def write_wav(path: str | Path, clip: Clip) -> None:
    """Write a mono PCM16 WAV file; raises AudioError where it can't be written."""
    try:
        # Opened by us: a Wave_write that could not open its file complains when it is collected.
        with Path(path).open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(SAMPLE_BYTES)
            file.setframerate(clip.sample_rate)
            file.writeframes(clip.samples.astype("<i2").tobytes())
    except OSError as error:
        raise AudioError(f"'{path}' could not be written: {error.strerror}") from error


def _as_mono(samples: Samples, channels: int) -> Samples:
    if channels == 1:
        return samples
    mono: Samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return mono


def _remedy(path: str | Path) -> str:
    return f"make one by `ffmpeg -i {path} -ac 1 -ar 16000 -c:a pcm_s16le speech.wav`"
