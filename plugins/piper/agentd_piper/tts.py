"""agentd's TTS interface on a Piper voice."""

from __future__ import annotations

from pathlib import Path

from agentd.models import ModelRef, local_model
from agentd.tts.local import LocalTTS

from .files import sample_rate_of, voice_settings


class TTS(LocalTTS):
    """A voice of Piper, computed in this process, or in the model host.

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
        model = self.ref(voice, speed=speed, speaker=speaker, threads=threads)
        super().__init__(local_model(model), sample_rate=sample_rate_of(settings.model))
        self._name = settings.model.stem

    @classmethod
    def ref(
        cls,
        voice: str | Path | None = None,
        *,
        speed: float = 1.0,
        speaker: int | None = None,
        threads: int = 1,
    ) -> ModelRef:
        """The voice for `AgentServer(models=[...])`: loaded once, for all jobs of a daemon.

        `threads` is how many texts it speaks at once then, whatever a TTS says.
        """
        return ModelRef(
            name="piper",
            target="agentd_piper.runner:piper_runner",
            options={
                "voice": None if voice is None else str(Path(voice).resolve()),
                "speed": speed,
                "speaker": speaker,
            },
            threads=threads,
        )

    @property
    def model(self) -> str:
        """The voice's name, such as `en_US-joe-medium`."""
        return self._name

    @property
    def provider(self) -> str:
        """piper."""
        return "piper"
