"""Speech for agentd by Piper: neural, offline, quick enough for live replies on two cores.

Under the GPL, as piper-tts is; that is why it is a distribution of its own.
"""

from __future__ import annotations

from .files import VoiceSettings, voice_settings
from .runner import PiperRunner
from .tts import TTS

__all__ = ["TTS", "PiperRunner", "VoiceSettings", "voice_settings"]
