"""OpenAI's models for agentd, and those of every service that speaks the same API.

Its parts are loaded on first use: who only writes needs no WebSocket.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES: dict[str, str] = {
    "CodeInterpreter": "tools",
    "FileSearch": "tools",
    "LLM": "llm",
    "STT": "stt",
    "TTS": "tts",
    "WebSearch": "tools",
}
"""The module of each public class."""

_MODULES: set[str] = {"realtime", "responses", "services", "tools"}
"""Public modules."""

__all__ = [*_NAMES, *_MODULES]  # noqa: PLE0604 - the tables above are the list


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
