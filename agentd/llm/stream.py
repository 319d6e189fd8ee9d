"""One reply of a language model: attempts, their deadlines and bounds, and what they cost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, Self

from msgspec import Struct

from .chat import ChatContext
from .events import ChatChunk, CompletionUsage, FunctionToolCall
from .request import ChatRequest
from .tools import Tool


class Generates(Protocol):
    """What a stream needs of a model; an `LLM` is one."""

    @property
    def label(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...

    def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]: ...

    def emit(self, event: str, *args: Any) -> None: ...


class CollectedResponse(Struct, kw_only=True):
    """A whole reply."""

    text: str = ""
    tool_calls: list[FunctionToolCall] = []
    usage: CompletionUsage | None = None
    extra: dict[str, Any] = {}


class LLMStream:
    """An async iterator of ChatChunk.

    Nothing is asked before it is read. Close it (`async with`, or `aclose`) where it is not read
    to its end. One task reads it; its end and its errors are those of the last attempt.
    """

    def __init__(self, llm: Generates, request: ChatRequest) -> None:
        self._llm = llm
        self._request = request

    @property
    def chat_ctx(self) -> ChatContext:
        """What the model is told."""
        return self._request.chat_ctx

    @property
    def tools(self) -> list[Tool]:
        """What it may use."""
        return self._request.tools

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        raise NotImplementedError

    async def collect(self) -> CollectedResponse:
        """Read it to the end and close it."""
        raise NotImplementedError

    def to_str_iterable(self) -> AsyncIterator[str]:
        """The pieces of text only."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End it at once. May be repeated, and before it was read."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
