"""agentd's TTS interface on a Flite voice."""

from __future__ import annotations

from agentd.tts.runner import RunnerTTS

from .runner import FliteRunner


class TTS(RunnerTTS):
    """A voice of Flite in this process: slt, rms, awb, kal16 or kal.

    Raises ValueError for another voice, and ModelError where Flite is not installed.
    """

    def __init__(self, voice: str = "slt") -> None:
        super().__init__(FliteRunner(voice))
        self._voice = voice

    @property
    def model(self) -> str:
        """The voice."""
        return self._voice

    @property
    def provider(self) -> str:
        """flite."""
        return "flite"
