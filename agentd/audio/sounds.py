"""What may be played beside speech: a clip of ours, a file, or audio that is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from agentd.errors import AudioError

from .clips import BuiltinAudioClip
from .files import audio_frames_from_file
from .frame import AudioFrame, FrameLike, as_frame, from_samples

AudioSource: TypeAlias = AsyncIterable[AudioFrame | FrameLike] | str | Path | BuiltinAudioClip
"""A path, one of the clips that come with agentd, or frames as they are made."""

PIECE = 0.1
"""Seconds of a clip that are given out at once."""
FILE_RATE = 48000


class AudioConfig(Struct, frozen=True, eq=False):
    """How a sound is played."""

    source: AudioSource
    volume: float = 1.0
    """1 is as it came."""
    probability: float = 1.0
    """In a list: how likely it is the one that is played."""
    fade_in: float = 0.0
    """Seconds from silence to its volume."""
    fade_out: float = 0.0
    """Seconds to silence when it is stopped."""


Sound: TypeAlias = AudioSource | AudioConfig | Sequence[AudioConfig] | None
"""What a player takes: one sound, or several to choose from."""


def choose(sound: Sound, draw: float) -> AudioConfig | None:
    """Which sound is played, by a number drawn evenly from 0 to 1.

    Where the probabilities of several come to less than 1, the rest is for none of them.
    """
    if sound is None or isinstance(sound, AudioConfig):
        return sound
    if isinstance(sound, str | Path | AsyncIterable):
        return AudioConfig(sound)
    place = draw * max(1.0, sum(max(0.0, each.probability) for each in sound))
    for each in sound:
        if place < max(0.0, each.probability):
            return each
        place -= max(0.0, each.probability)
    return None


def can_loop(source: AudioSource) -> bool:
    """Whether it can be played again from its start."""
    return isinstance(source, str | Path)


async def sound_frames(source: AudioSource, *, loop: bool) -> AsyncGenerator[AudioFrame, None]:
    """The audio of a sound, for ever with `loop`.

    Raises AudioError where it can't be read or has no audio in it; frames that are made by the
    user's code raise what that does.
    """
    heard = True
    while heard:
        heard = False
        async with aclosing(_once(source)) as frames:
            async for frame in frames:
                heard = heard or bool(frame.data)
                yield frame
        if not loop:
            return
    raise AudioError(f"there is no audio in '{source}'")


async def _once(source: AudioSource) -> AsyncGenerator[AudioFrame, None]:
    if isinstance(source, BuiltinAudioClip):
        # Made by arithmetic when it is first wanted, which takes up to 0.2 s.
        clip = await asyncio.to_thread(source.clip)
        size = round(PIECE * clip.sample_rate)
        for start in range(0, len(clip.samples), size):
            yield from_samples(clip.samples[start : start + size], clip.sample_rate)
    elif isinstance(source, str | Path):
        async with aclosing(audio_frames_from_file(source, FILE_RATE)) as frames:
            async for frame in frames:
                yield frame
    else:
        async for made in source:
            yield as_frame(made)
