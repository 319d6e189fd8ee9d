"""Tests of agentd.audio.mixer."""

from __future__ import annotations

import numpy as np

from agentd.audio.frame import from_samples
from agentd.audio.mixer import Fade, Mixer, mix, scale
from tests.support.sounds import joined, main_pitch, tone

RATE = 16000


def level(value: int, count: int) -> np.ndarray:
    """A steady sound."""
    return np.full(count, value, dtype=np.int16)


def test_a_sum_is_cut_off_at_full_scale() -> None:
    """It must not wrap, which would be a bang."""
    assert mix([level(30000, 2), level(10000, 2)]).tolist() == [32767, 32767]
    assert mix([level(-30000, 1), level(-10000, 1)]).tolist() == [-32768]
    assert mix([level(100, 1), level(-30, 1), level(1, 1)]).tolist() == [71]


def test_a_volume_is_a_factor() -> None:
    """One changes nothing, and more is cut off at full scale."""
    sound = level(1000, 3)

    assert scale(sound, 1.0) is sound
    assert scale(sound, 0.5).tolist() == [500] * 3
    assert scale(sound, 100.0).tolist() == [32767] * 3


def test_a_fade_goes_evenly_and_stays_where_it_ends() -> None:
    """In several steps as in one."""
    fade = Fade(1.0)
    fade.start(0.0, 4)

    faded = [*fade.apply(level(1000, 3)), *fade.apply(level(1000, 3))]

    assert faded == [750, 500, 250, 0, 0, 0]
    assert fade.settled
    assert fade.volume == 0.0


def test_a_fade_of_no_time_is_at_once() -> None:
    """The next sample has the new volume."""
    fade = Fade(1.0)
    fade.start(0.5, 0)

    assert fade.apply(level(1000, 2)).tolist() == [500, 500]


def test_two_sounds_are_heard_together() -> None:
    """Both are in what is read, each at its volume, whatever their rates were."""
    mixer = Mixer(RATE)
    loud, soft = mixer.add(), mixer.add(volume=0.25)
    loud.push(tone(1.0, pitch=400, rate=48000))
    soft.push(tone(1.0, pitch=1000, rate=8000))

    heard = mixer.read(0.5)

    spectrum = np.abs(np.fft.rfft(heard.samples.astype(float)))
    assert main_pitch(heard.samples, RATE) == 400
    assert 0.2 < spectrum[500] / spectrum[200] < 0.3


def test_what_a_track_has_not_is_silence() -> None:
    """Nobody waits for it."""
    mixer = Mixer(RATE)
    track = mixer.add()
    track.push(tone(0.1))

    heard = mixer.read(0.2)

    assert heard.duration == 0.2
    assert heard.samples[: RATE // 10].tolist() == tone(0.1).samples.tolist()
    assert not heard.samples[RATE // 10 :].any()
    assert not mixer.is_idle


def test_a_track_that_has_ended_is_played_to_its_end_and_forgotten() -> None:
    """Then the mixer is idle, and gives silence."""
    mixer = Mixer(RATE)
    track = mixer.add()
    track.push(tone(0.1, rate=8000))
    track.end()

    heard = [mixer.read(0.05), mixer.read(0.05), mixer.read(0.05)]

    assert track.is_over
    assert mixer.is_idle
    assert abs(joined(heard)[: RATE // 10]).max() > 7000
    assert not heard[2].samples.any()


def test_a_faded_track_that_ended_is_over_before_its_audio_is() -> None:
    """Nothing is played on in silence for minutes."""
    mixer = Mixer(RATE)
    track = mixer.add()
    track.push(tone(5.0))
    track.end()
    track.fade(0.0, 0.1)

    mixer.read(0.1)

    assert mixer.is_idle


def test_a_full_track_takes_no_more() -> None:
    """It says so, and takes again when it has been played."""
    mixer = Mixer(RATE)
    track = mixer.add(max_waiting=0.5)

    taken = [track.push(tone(0.5)), track.push(tone(0.5))]
    mixer.read(0.3)

    assert taken == [True, False]
    assert not track.is_full
    assert track.waiting == 0.2


def test_a_removed_track_is_heard_no_more() -> None:
    """At once; removing it again does nothing."""
    mixer = Mixer(RATE)
    track = mixer.add()
    track.push(tone(1.0))

    mixer.remove(track)
    mixer.remove(track)

    assert not mixer.read(0.1).samples.any()


def test_stereo_is_mixed_as_stereo() -> None:
    """A mono sound is in the middle, a stereo one where it was."""
    mixer = Mixer(RATE, 2)
    stereo = np.stack([level(100, RATE), level(-100, RATE)], axis=1)
    mixer.add().push(from_samples(stereo, RATE))
    mixer.add().push(from_samples(level(7, RATE), RATE))

    assert mixer.read(0.1).samples[5].tolist() == [107, -93]
