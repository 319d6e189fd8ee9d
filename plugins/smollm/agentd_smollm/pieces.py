"""What goes to the runner, and what comes back of it piece by piece, as msgpack."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from agentd.errors import ModelError


class Waiting(Struct, frozen=True, tag=True):
    """The model is at work and has no text yet: it reads the prompt."""


class Answered(Struct, frozen=True, kw_only=True, tag=True):
    """The end, and its price in tokens."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, those that the model had read before."""
    completion_tokens: int


class TooLong(Struct, frozen=True, tag=True):
    """The prompt has so many tokens, more than the context; nothing else comes."""

    tokens: int


Piece: TypeAlias = str | Waiting | Answered | TooLong
"""A str is text."""

encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(dict[str, Any]).decode
_pieces: msgspec.msgpack.Decoder[Piece] = msgspec.msgpack.Decoder(Piece)
decode_piece = _pieces.decode


class PromptTooLong(ModelError):
    """The prompt is longer than the context."""

    code = "prompt_too_long"

    def __init__(self, tokens: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, more than the context")
        self.tokens = tokens
