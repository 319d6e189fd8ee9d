"""What a script says, as audio: files, and words spoken by a voice on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agentd import plugins
from agentd.audio.frame import from_samples, join_frames
from agentd.audio.pcm import Clip
from agentd.audio.resample import resample
from agentd.audio.wav import read_wav
from agentd.errors import SettingsError

from .script import Turn

SAMPLE_RATE = 24000


async def make_clips(turns: Iterable[Turn], voice: str, beside: Path) -> Mapping[str, Clip]:
    """Each text and each file of some turns as audio, by that text or file name.

    Raises AudioError for a file, PluginNotFound or SettingsError for the voice, and its ModelError.
    """
    clips: dict[str, Clip] = {}
    tts: Any = None
    try:
        for turn in turns:
            if turn.wav and turn.wav not in clips:
                clips[turn.wav] = _at_rate(read_wav(beside / turn.wav))
            elif turn.say and turn.say not in clips:
                tts = tts or _voice(voice)
                clips[turn.say] = await _spoken(tts, turn.say)
    finally:
        if tts is not None:
            await tts.aclose()
    return clips


def _voice(name: str) -> Any:
    module = plugins.load(name)
    if not hasattr(module, "TTS"):
        raise SettingsError(f"the plugin '{name}' has no voice: try piper or flite")
    return module.TTS()


async def _spoken(tts: Any, text: str) -> Clip:
    async with tts.synthesize(text) as stream:
        frames = [audio.frame async for audio in stream]
    if not frames:
        raise SettingsError(f"the voice has nothing to say for '{text}'")
    frame = join_frames(frames)
    return _at_rate(Clip(samples=frame.samples, sample_rate=frame.sample_rate))


def _at_rate(clip: Clip) -> Clip:
    frame = resample(from_samples(clip.samples, clip.sample_rate), SAMPLE_RATE)
    return Clip(samples=frame.samples, sample_rate=SAMPLE_RATE)
