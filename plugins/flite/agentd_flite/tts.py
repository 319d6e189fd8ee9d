"""agentd's TTS interface on a Flite voice."""

from __future__ import annotations

from functools import partial

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
        super().__init__(partial(FliteRunner, voice), name="flite", sample_rate=runner.sample_rate)
        self._voice = voice

    @property
    def model(self) -> str:
        """The voice."""
        return self._voice

    @property
    def provider(self) -> str:
        """flite."""
        return "flite"
