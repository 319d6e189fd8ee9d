"""Models by the names of LiveKit's gateway, behind any URL that speaks OpenAI's API.

`inference.LLM("openai/gpt-4.1-mini")` is what examples for livekit-agents use, and what a string
in place of a model stands for: `AgentSession(llm="openai/gpt-4.1-mini")`. They are asked where
LIVEKIT_INFERENCE_URL says, else at LiveKit's gateway. The plugin that does it is loaded on first
use; what a session is, is not known here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agentd.plugins import load

if TYPE_CHECKING:
    from .llm import LLM as LLM
    from .stt import STT as STT
    from .tts import TTS as TTS

_NAMES: dict[str, str] = {"LLM": "llm", "STT": "stt", "TTS": "tts"}
"""The module in this room of each class."""

_OF_PLUGINS: dict[str, str] = {"VAD": "silero"}
"""Classes that a plugin has under the same name."""

__all__ = ["LLM", "STT", "TTS", "VAD"]


def __getattr__(name: str) -> Any:
    if name in _OF_PLUGINS:
        value = getattr(load(_OF_PLUGINS[name]), name)
    elif name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = value
    return value
