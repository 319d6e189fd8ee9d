"""Tests of agentd.audio.clips."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from agentd.audio import clips
from agentd.audio.clips import BuiltinAudioClip
from agentd.audio.pcm import rms

EVERY = list(BuiltinAudioClip)


def test_there_are_the_seven_that_users_know() -> None:
    """Under their names."""
    assert {clip.name for clip in EVERY} == {
        "CITY_AMBIENCE", "FOREST_AMBIENCE", "OFFICE_AMBIENCE", "CROWDED_ROOM",
        "KEYBOARD_TYPING", "KEYBOARD_TYPING2", "HOLD_MUSIC",
    }  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_a_clip_stays_in_the_background(name: BuiltinAudioClip) -> None:
    """It is heard, lies 20 dB and more below full scale, and has no bang in it."""
    clip = name.clip()

    assert 5.0 < clip.duration < 15.0
    assert 0.01 < rms(clip.samples) <= 0.051
    assert abs(clip.samples.astype(int)).max() <= 0.35 * 32768


@pytest.mark.parametrize("name", EVERY)
def test_a_clip_loops_without_a_click(name: BuiltinAudioClip) -> None:
    """From its last sample to its first is a step like any other."""
    samples = name.clip().samples.astype(int)

    steps = np.abs(np.diff(samples))
    assert abs(samples[0] - samples[-1]) <= np.percentile(steps, 99.9)


@pytest.mark.parametrize("name", EVERY)
def test_a_clip_is_the_same_each_time(name: BuiltinAudioClip) -> None:
    """Made anew it has the same samples, but for the last bit of a rounding."""
    clips._made.cache_clear()
    first = name.clip().samples.astype(int)
    clips._made.cache_clear()

    assert abs(name.clip().samples.astype(int) - first).max() <= 1


def test_clips_differ() -> None:
    """Nothing is played under two names."""
    assert len({hashlib.sha256(clip.clip().samples.tobytes()).digest() for clip in EVERY}) == 7


def test_a_clip_is_made_once() -> None:
    """The next call has it already."""
    assert BuiltinAudioClip.HOLD_MUSIC.clip() is BuiltinAudioClip.HOLD_MUSIC.clip()
