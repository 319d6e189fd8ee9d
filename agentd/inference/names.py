"""Strings in place of models: `AgentSession(llm="openai/gpt-4.1-mini")` (row 218)."""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["stt", "llm", "tts"]


def named_model(kind: Kind, model: Any) -> Any:
    """The model that a string stands for; anything else as it is.

    Raises PluginNotFound where the plugin for it is not installed, MissingCredential where there
    is no key, and ValueError for a kind whose models have no names here.
    """
    if not isinstance(model, str):
        return model
    room = importlib.import_module("agentd.inference")
    made = getattr(room, kind.upper(), None)
    if made is None:
        raise ValueError(f"{kind}='{model}': models of this kind have no names, give an instance")
    return made.from_model_string(model)


def split_name(model: str) -> tuple[str, str]:
    """`openai/gpt-4o-mini-tts:ash` is a model and a voice, or a language; either may be missing."""
    name, _, rest = model.partition(":")
    return name, rest
