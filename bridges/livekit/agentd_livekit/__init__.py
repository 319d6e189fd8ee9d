"""The models of livekit.plugins as models of agentd: `wrap(livekit_plugin)`.

Import the plugins on the main thread, as livekit-agents wants it: each registers itself there.
"""

from __future__ import annotations

from .llm import LLM
from .realtime import RealtimeModel
from .stt import STT
from .tts import TTS
from .vad import VAD
from .wrap import wrap

__all__ = ["LLM", "STT", "TTS", "VAD", "RealtimeModel", "wrap"]
