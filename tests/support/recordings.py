"""The recordings of examples/speech, for tests that need real voices."""

from __future__ import annotations

from pathlib import Path

from agentd.audio.frame import AudioFrame, from_samples
from agentd.audio.pcm import Clip
from agentd.audio.wav import read_wav

SPEECH = Path(__file__).parents[2] / "examples" / "speech"

NAMES = ("jfk", "lv-0870", "lv-0880", "lv-0890")

WORDS = {
    "jfk": (
        "and so my fellow americans ask not what your country can do for you "
        "ask what you can do for your country"
    ),
    "lv-0870": (
        "and mister john dashwood had then leisure to consider how much there might be prudently "
        "in his power to do for them"
    ),
    "lv-0880": "he was not an ill disposed young man",
    "lv-0890": "unless to be rather cold hearted and rather selfish is to be ill disposed",
}
"""What is said in each, as its README has it."""


def recording(name: str) -> Clip:
    """One of them, 16 kHz mono."""
    return read_wav(SPEECH / f"{name}.wav")


def frame_of(name: str) -> AudioFrame:
    """One of them as a frame."""
    clip = recording(name)
    return from_samples(clip.samples, clip.sample_rate)
