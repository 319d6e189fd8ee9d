"""Sounds for the background of a call, computed rather than recorded.

Each is made of shaped noise, tones and clicks by the same arithmetic every time, so nothing is
shipped but this code, and its licence is ours. They loop without a seam: noise comes from a
spectrum, whose transform is periodic, and whatever is added wraps round at the end. None is loud:
about -26 dBFS, which leaves speech on top.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .pcm import FULL_SCALE, Clip, clipped

Floats = npt.NDArray[np.float64]

CLIP_RATE = 24000
"""Hz: all that these sounds have in them is below 12 kHz."""
LOUDNESS = 0.05
"""Root mean square, of full scale."""
PEAK = 0.3
"""Of full scale, for what is mostly clicks."""
SWELL_RATE = 100
"""Hz, for what changes slowly."""


class BuiltinAudioClip(StrEnum):
    """The sounds that come with agentd, under the names that users of livekit-agents know."""

    CITY_AMBIENCE = "city-ambience"
    FOREST_AMBIENCE = "forest-ambience"
    OFFICE_AMBIENCE = "office-ambience"
    CROWDED_ROOM = "crowded-room"
    KEYBOARD_TYPING = "keyboard-typing"
    KEYBOARD_TYPING2 = "keyboard-typing2"
    HOLD_MUSIC = "hold-music"

    def clip(self) -> Clip:
        """The sound: mono, 24 kHz, to be looped. Computed at the first call, in 10 to 200 ms."""
        return _made(self)


@lru_cache(maxsize=len(BuiltinAudioClip))
def _made(name: BuiltinAudioClip) -> Clip:
    sound = _MAKERS[name](_Random(name))
    volume = min(
        LOUDNESS / float(np.sqrt(np.mean(sound * sound))), PEAK / float(np.abs(sound).max())
    )
    return Clip(samples=clipped(sound * volume * FULL_SCALE), sample_rate=CLIP_RATE)


class _Random:
    """Numbers that are the same on every machine: numpy keeps those of `random`, and no others."""

    def __init__(self, name: str) -> None:
        self._random = np.random.Generator(np.random.PCG64(list(name.encode())))

    def numbers(self, low: float, high: float, count: int) -> Floats:
        """So many, evenly between two."""
        return low + (high - low) * self._random.random(count)

    def number(self, low: float, high: float) -> float:
        """One of them."""
        return float(self.numbers(low, high, 1)[0])


# -- what sounds are made of -------------------------------------------------------


def _noise(
    random: _Random, seconds: float, shape: Callable[[Floats], Floats], rate: int = CLIP_RATE
) -> Floats:
    """Noise whose strength at each pitch in Hz is given by a function; loudness about 1."""
    count = round(seconds * rate)
    pitches = np.fft.rfftfreq(count, 1 / rate)
    strengths = shape(np.maximum(pitches, 1e-3))
    strengths[0] = 0.0
    phases = np.exp(1j * random.numbers(0, 2 * np.pi, len(pitches)))
    return _even(np.fft.irfft(strengths * phases, count))


def _even(sound: Floats) -> Floats:
    level: Floats = sound / np.sqrt(np.mean(sound * sound))
    return level


def _band(low: float, high: float, tilt: float = 0.5) -> Callable[[Floats], Floats]:
    """Noise between two pitches, weaker towards the upper one by an exponent: 0.5 is pink."""

    def shape(pitches: Floats) -> Floats:
        rise = 1 / (1 + (low / pitches) ** 4)
        fall = 1 / (1 + (pitches / high) ** 4)
        strengths: Floats = rise * fall * pitches**-tilt
        return strengths

    return shape


def _swell(random: _Random, seconds: float, slowest: float, fastest: float) -> Floats:
    """A slow wandering between about 0 and 2, for the strength of something."""
    curve = _noise(random, seconds, _band(slowest, fastest, 0.0), SWELL_RATE)
    places = np.arange(round(seconds * CLIP_RATE)) * (SWELL_RATE / CLIP_RATE)
    steps = np.arange(len(curve) + 1)
    # One point more, the first again: it has to come round to where it began.
    smooth = np.interp(places, steps, np.append(curve, curve[0]))
    swell: Floats = np.clip(1 + 0.6 * smooth, 0.05, 2.5)
    return swell


def _add(sound: Floats, piece: Floats, at: float) -> None:
    """Add a short sound at a second; what goes beyond the end comes again at the start."""
    places = (round(at * CLIP_RATE) + np.arange(len(piece))) % len(sound)
    np.add.at(sound, places, piece)


def _decay(seconds: float, rate: float) -> Floats:
    times = np.arange(round(seconds * CLIP_RATE)) / CLIP_RATE
    return np.exp(-rate * times) * np.minimum(1.0, times / 0.001)


def _tone(pitch: float, seconds: float, rate: float) -> Floats:
    """A plucked note: its overtones die away before it does."""
    times = np.arange(round(seconds * CLIP_RATE)) / CLIP_RATE
    overtones = [
        np.sin(2 * np.pi * pitch * n * times) * np.exp(-rate * n * times) / n**2
        for n in (1, 2, 3, 4)
    ]
    attack = np.minimum(1.0, times / 0.01)
    release = np.minimum(1.0, (seconds - times) / 0.02)
    note: Floats = np.sum(overtones, axis=0) * attack * release
    return note


def _key(random: _Random) -> Floats:
    """A key that is pressed and, a little later and softer, let go."""
    burst = random.numbers(-1, 1, round(0.03 * CLIP_RATE)) * _decay(0.03, random.number(180, 320))
    thump = _tone(random.number(140, 220), 0.05, 70.0)
    stroke = np.zeros(round(0.16 * CLIP_RATE))
    stroke[: len(burst)] += burst
    stroke[: len(thump)] += 0.8 * thump
    later = round(random.number(0.07, 0.11) * CLIP_RATE)
    stroke[later : later + len(burst)] += 0.35 * burst[: len(stroke) - later]
    return stroke * random.number(0.6, 1.0)


def _chirp(random: _Random) -> Floats:
    """A bird's call: a few short glides."""
    low, rise = random.number(2200, 3600), random.number(600, 1800)
    times = np.arange(round(0.09 * CLIP_RATE)) / CLIP_RATE
    glide = np.sin(2 * np.pi * (low * times + rise * times**2 / 0.18))
    glide *= np.sin(np.pi * times / 0.09) ** 2
    gap = np.zeros(round(random.number(0.03, 0.09) * CLIP_RATE))
    return np.concatenate(
        [part for _ in range(round(random.number(2, 5))) for part in (glide, gap)]
    )


# -- the sounds --------------------------------------------------------------------


def _city(random: _Random) -> Floats:
    seconds = 12.0
    sound = _noise(random, seconds, _band(40, 900, 0.8)) * _swell(random, seconds, 0.1, 0.5)
    for _ in range(3):  # cars that pass
        passing = _noise(random, 4.0, _band(80, 2500, 0.4)) * np.hanning(round(4.0 * CLIP_RATE))
        _add(sound, random.number(0.5, 1.0) * passing, random.number(0, seconds))
    return sound


def _forest(random: _Random) -> Floats:
    seconds = 12.0
    wind = _noise(random, seconds, _band(150, 3500, 0.5)) * _swell(random, seconds, 0.1, 0.6)
    for _ in range(9):
        _add(wind, random.number(0.2, 0.8) * _chirp(random), random.number(0, seconds))
    return wind


def _office(random: _Random) -> Floats:
    seconds = 12.0
    air = _noise(random, seconds, _band(60, 1500, 0.8))
    murmur = _voices(random, seconds, 3)
    sound = air + 0.35 * murmur
    for start in random.numbers(0, seconds, 3):
        for beat in range(6):
            _add(sound, 0.5 * _key(random), start + 0.17 * beat + random.number(0, 0.06))
    return sound


def _crowd(random: _Random) -> Floats:
    seconds = 10.0
    return _voices(random, seconds, 9) + 0.3 * _noise(random, seconds, _band(80, 4000, 0.6))


def _voices(random: _Random, seconds: float, speakers: int) -> Floats:
    """A murmur: each speaker is a band of noise in the rhythm of syllables."""
    sound = np.zeros(round(seconds * CLIP_RATE))
    for _ in range(speakers):
        middle = random.number(300, 700)
        voice = _noise(random, seconds, _band(middle / 2, middle * 3, 0.8))
        sound += voice * _swell(random, seconds, 2.0, 6.0) ** 2 * _swell(random, seconds, 0.1, 0.4)
    return _even(sound)


def _typing(random: _Random, seconds: float, pause: tuple[float, float]) -> Floats:
    sound = 0.01 * _noise(random, seconds, _band(100, 2000))
    at = 0.1
    while at < seconds - 0.3:
        _add(sound, _key(random), at)
        at += random.number(*pause) if random.number(0, 1) < 0.85 else random.number(0.3, 0.6)
    return sound


def _fast_typing(random: _Random) -> Floats:
    return _typing(random, 6.0, (0.09, 0.17))


def _slow_typing(random: _Random) -> Floats:
    return _typing(random, 6.0, (0.15, 0.32))


def _music(random: _Random) -> Floats:
    """Four broken chords: C, A minor, F, G."""
    beat = 0.4
    chords = [(0, 4, 7, 12), (-3, 0, 4, 9), (-7, -3, 0, 5), (-5, -1, 2, 7)]
    sound = np.zeros(round(32 * beat * CLIP_RATE))
    for bar, chord in enumerate(chords):
        _add(sound, _tone(_pitch(chord[0] - 12), 8 * beat, 0.8), 8 * bar * beat)
        for step, note in enumerate((0, 1, 2, 3, 2, 1, 2, 1)):
            played = random.number(0.5, 0.7) * _tone(_pitch(chord[note]), 3 * beat, 2.5)
            _add(sound, played, (8 * bar + step) * beat)
    return sound


def _pitch(semitones: int) -> float:
    """Hz of a note, counted from middle C."""
    return float(261.63 * 2 ** (semitones / 12))


_MAKERS: dict[BuiltinAudioClip, Callable[[_Random], Floats]] = {
    BuiltinAudioClip.CITY_AMBIENCE: _city,
    BuiltinAudioClip.FOREST_AMBIENCE: _forest,
    BuiltinAudioClip.OFFICE_AMBIENCE: _office,
    BuiltinAudioClip.CROWDED_ROOM: _crowd,
    BuiltinAudioClip.KEYBOARD_TYPING: _fast_typing,
    BuiltinAudioClip.KEYBOARD_TYPING2: _slow_typing,
    BuiltinAudioClip.HOLD_MUSIC: _music,
}
