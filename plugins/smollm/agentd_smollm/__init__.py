"""A small language model for agentd: SmolLM2 by llama.cpp, on this machine, without a network.

It chats and calls no tools. For demos and tests of what a model at work does, not for facts.
"""

from __future__ import annotations

from .files import MODEL_FILES
from .llm import LLM

__all__ = ["LLM", "MODEL_FILES"]
