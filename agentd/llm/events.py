"""What a language model streams, and what it is asked."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct


class FunctionToolCall(Struct, frozen=True, kw_only=True):
    """The model wants a function to be called. Complete: never a part of one."""

    name: str
    arguments: str
    """JSON text, as the model wrote it: it may be malformed."""
    call_id: str
    extra: dict[str, Any] = {}
    """What the provider wants to see again with the call, such as a thought signature."""


class ChoiceDelta(Struct, frozen=True, kw_only=True):
    """The next piece of the reply."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    tool_calls: list[FunctionToolCall] = []
    extra: dict[str, Any] = {}


class CompletionUsage(Struct, frozen=True, kw_only=True):
    """Tokens that a reply has cost."""

    completion_tokens: int = 0
    prompt_tokens: int = 0
    prompt_cached_tokens: int = 0
    total_tokens: int = 0


class ChatChunk(Struct, frozen=True, kw_only=True):
    """One event of a reply's stream."""

    id: str = ""
    """Of the request; the same in all chunks of a reply."""
    delta: ChoiceDelta | None = None
    usage: CompletionUsage | None = None


class NamedFunction(Struct, frozen=True, kw_only=True):
    name: str


class NamedToolChoice(Struct, frozen=True, kw_only=True):
    """Exactly this tool is to be called."""

    function: NamedFunction
    type: Literal["function"] = "function"


ToolChoice: TypeAlias = Literal["auto", "required", "none"] | NamedToolChoice | dict[str, Any]
"""The dict is OpenAI's form, as users of livekit-agents write it."""
