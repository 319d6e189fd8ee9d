"""What comes of a request, piece by piece."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from agentd.errors import ModelError


class Waiting(Struct, frozen=True):
    """The model is at work and has no text yet: it reads the prompt."""


class Answered(Struct, frozen=True, kw_only=True):
    """The end, and its price in tokens."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, those that the model had read before."""
    completion_tokens: int


Piece: TypeAlias = str | Waiting | Answered
"""A str is text."""


class PromptTooLong(ModelError):
    """The prompt is longer than the context."""

    code = "prompt_too_long"

    def __init__(self, tokens: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, more than the context")
        self.tokens = tokens
