"""The recordings of examples/speech, for tests that need real voices."""

from __future__ import annotations

from pathlib import Path

from agentd.audio.pcm import Clip
from agentd.audio.wav import read_wav

SPEECH = Path(__file__).parents[2] / "examples" / "speech"

NAMES = ("jfk", "lv-0870", "lv-0880", "lv-0890")


def recording(name: str) -> Clip:
    """One of them, 16 kHz mono."""
    return read_wav(SPEECH / f"{name}.wav")
