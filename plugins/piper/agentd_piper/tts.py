"""agentd's TTS interface on a Piper voice."""

from __future__ import annotations

from pathlib import Path

from agentd.tts.runner import RunnerTTS

from .runner import PiperRunner


class TTS(RunnerTTS):
    """A Piper voice in this process. Loads with `prewarm`, or with the first text.

    The arguments are those of PiperRunner, and so are the errors.
    """

    def __init__(
        self,
        voice: str | Path | None = None,
        *,
        speed: float = 1.0,
        speaker: int | None = None,
    ) -> None:
        runner = PiperRunner(voice, speed=speed, speaker=speaker)
        super().__init__(runner)
        self._voice_name = runner.name

    @property
    def model(self) -> str:
        """The voice's name, such as `en_US-joe-medium`."""
        return self._voice_name

    @property
    def provider(self) -> str:
        """piper."""
        return "piper"
