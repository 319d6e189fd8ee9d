"""One function for every kind of model."""

from __future__ import annotations

from typing import Any

from livekit.agents import llm as lk_llm
from livekit.agents import stt as lk_stt
from livekit.agents import tts as lk_tts
from livekit.agents import vad as lk_vad

from .llm import LLM
from .realtime import RealtimeModel
from .stt import STT
from .tts import TTS
from .vad import VAD

KINDS: tuple[tuple[Any, Any], ...] = (
    (lk_llm.LLM, LLM),
    (lk_stt.STT, STT),
    (lk_tts.TTS, TTS),
    (lk_vad.VAD, VAD),
    (lk_llm.RealtimeModel, RealtimeModel),
)


def wrap(plugin: Any, **options: Any) -> Any:
    """The agentd model of a livekit one: an LLM, STT, TTS, VAD or RealtimeModel.

    The options are those of its adapter class. Raises TypeError for what is no such model.
    """
    for foreign, adapter in KINDS:
        if isinstance(plugin, foreign):
            return adapter(plugin, **options)
    raise TypeError(
        f"{type(plugin).__module__}.{type(plugin).__qualname__} is no LLM, STT, TTS, VAD or "
        "RealtimeModel of livekit.agents"
    )
