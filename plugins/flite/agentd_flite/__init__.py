"""Speech for agentd by Flite: small, quick, permissive, offline, and robotic."""

from __future__ import annotations

from .runner import VOICES, FliteRunner
from .tts import TTS

__all__ = ["TTS", "VOICES", "FliteRunner"]
