"""Tests of agentd.audio.sounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from agentd.audio import BuiltinAudioClip
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import Clip, silence
from agentd.audio.sounds import AudioConfig, Sound, can_loop, choose, sound_frames
from agentd.audio.wav import write_wav
from agentd.errors import AudioError
from tests.support.sounds import joined, tone

LIKELY, RARE = AudioConfig("likely.wav", probability=0.6), AudioConfig("rare.wav", probability=0.2)


async def taken(source: str | Path | BuiltinAudioClip, count: int) -> list[AudioFrame]:
    """The first frames of a sound that is looped."""
    found: list[AudioFrame] = []
    async for frame in sound_frames(source, loop=True):
        found.append(frame)
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize(
    ("draw", "chosen"),
    [(0.0, LIKELY), (0.59, LIKELY), (0.61, RARE), (0.79, RARE), (0.81, None), (0.99, None)],
)
def test_what_is_missing_to_one_is_for_silence(draw: float, chosen: AudioConfig | None) -> None:
    """Probabilities of less than one in all may choose none."""
    assert choose([LIKELY, RARE], draw) is chosen


@pytest.mark.parametrize(("draw", "chosen"), [(0.49, 0), (0.51, 1), (0.99, 1)])
def test_probabilities_over_one_are_shares(draw: float, chosen: int) -> None:
    """Two that are sure have a half each."""
    sounds = [AudioConfig("one.wav"), AudioConfig("two.wav")]

    assert choose(sounds, draw) is sounds[chosen]


def test_one_that_is_not_to_be_played_is_never_chosen() -> None:
    """Nor does a negative probability take from others."""
    sounds = [AudioConfig("never.wav", probability=-1.0), AudioConfig("always.wav")]

    assert {choose(sounds, draw / 10) for draw in range(10)} == {sounds[1]}


@pytest.mark.parametrize("sound", ["a.wav", Path("a.wav"), BuiltinAudioClip.HOLD_MUSIC])
def test_a_source_alone_is_played_as_it_is(sound: Sound) -> None:
    """At its own volume, always."""
    chosen = choose(sound, 0.999)

    assert chosen is not None
    assert (chosen.source, chosen.volume, chosen.fade_in) == (sound, 1.0, 0.0)


def test_nothing_stays_nothing() -> None:
    """No sound, or an empty list."""
    assert choose(None, 0.5) is None
    assert choose([], 0.5) is None


async def test_a_clip_comes_again_without_a_seam() -> None:
    """Looped, its end is followed by its start."""
    clip = BuiltinAudioClip.KEYBOARD_TYPING.clip()

    frames = await taken(BuiltinAudioClip.KEYBOARD_TYPING, round(clip.duration * 10) + 1)

    assert joined(frames)[: len(clip.samples)].tolist() == clip.samples.tolist()
    assert joined(frames[-1:]).tolist() == clip.samples[: len(frames[-1].samples)].tolist()


async def test_a_file_is_read_again(tmp_path: Path) -> None:
    """From its start, when it has come to its end."""
    path = tmp_path / "beep.wav"
    sound = tone(0.5, rate=48000)
    write_wav(path, Clip(samples=sound.samples, sample_rate=48000))

    frames = await taken(path, 12)

    assert len(joined(frames)) > 48000 // 2
    assert all(first.sample_rate == second.sample_rate for first, second in pairwise(frames))


async def test_a_loop_of_nothing_is_an_error(tmp_path: Path) -> None:
    """Not an endless search for its first sample."""
    path = tmp_path / "empty.wav"
    write_wav(path, silence(0.0, 48000))

    async with asyncio.timeout(5):
        with pytest.raises(AudioError, match="no audio in"):
            await taken(path, 1)


def test_what_is_made_once_can_not_be_looped() -> None:
    """Files and clips can."""

    async def made() -> AsyncIterator[AudioFrame]:
        yield tone(0.1)

    assert can_loop("a.wav")
    assert can_loop(BuiltinAudioClip.HOLD_MUSIC)
    assert not can_loop(made())


async def test_a_file_is_closed_when_it_is_not_read_to_its_end(tmp_path: Path) -> None:
    """At once, and not when the garbage collector comes."""
    path = tmp_path / "beep.wav"
    write_wav(path, Clip(samples=tone(1.0, rate=48000).samples, sample_rate=48000))
    frames = sound_frames(path, loop=True)
    await anext(frames)
    before = _open_files(path)

    await frames.aclose()

    assert (before, _open_files(path)) == (1, 0)


def _open_files(path: Path) -> int:
    return sum(file.path == str(path) for file in psutil.Process().open_files())
