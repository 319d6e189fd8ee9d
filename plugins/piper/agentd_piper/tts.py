"""agentd's TTS interface on a Piper voice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from agentd.tts.local import LocalTTS

from .files import sample_rate_of, voice_settings
from .runner import PiperRunner


class TTS(LocalTTS):
    """A voice of Piper, computed in this process.

    `voice` is the path of a voice's .onnx file, with its .onnx.json beside it; without one it is
    Joe, who speaks American English. `speed` is a factor, `speaker` a number for voices that have
    several. Raises ModelError where files are missing or describe no voice.
    """

    def __init__(
        self,
        voice: str | Path | None = None,
        *,
        speed: float = 1.0,
        speaker: int | None = None,
        threads: int = 1,
    ) -> None:
        settings = voice_settings(voice, speed=speed, speaker=speaker)
        super().__init__(
            partial(PiperRunner, settings),
            name="piper",
            sample_rate=sample_rate_of(settings.model),
            threads=threads,
        )
        self._name = settings.model.stem

    @property
    def model(self) -> str:
        """The voice's name, such as `en_US-joe-medium`."""
        return self._name

    @property
    def provider(self) -> str:
        """piper."""
        return "piper"
