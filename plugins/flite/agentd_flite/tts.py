"""agentd's TTS interface on a Flite voice."""

from __future__ import annotations

from agentd.models import ModelRef, local_model
from agentd.tts.local import LocalTTS

from .runner import FliteRunner


class TTS(LocalTTS):
    """A voice of Flite in this process: slt, rms, awb, kal16 or kal.

    Raises ValueError for another voice, and ModelError where Flite is not installed.
    """

    def __init__(self, voice: str = "slt") -> None:
        runner = FliteRunner(voice)
        # It takes milliseconds, and what is missing is better said now than in the first call.
        runner.load()
        super().__init__(local_model(self.ref(voice)), sample_rate=runner.sample_rate)
        self._voice = voice

    @classmethod
    def ref(cls, voice: str = "slt") -> ModelRef:
        """The voice for `AgentServer(models=[...])`, which saves little: it is small and quick."""
        return ModelRef(
            name="flite", target="agentd_flite.runner:FliteRunner", options={"voice": voice}
        )

    @property
    def model(self) -> str:
        """The voice."""
        return self._voice

    @property
    def provider(self) -> str:
        """flite."""
        return "flite"
