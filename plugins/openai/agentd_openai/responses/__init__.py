"""OpenAI's models by the Responses API: it runs tools of its own, and knows more of reasoning."""

from __future__ import annotations

from .llm import LLM, ResponsesOptions

__all__ = ["LLM", "ResponsesOptions"]
