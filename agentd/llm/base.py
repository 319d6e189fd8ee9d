"""The interface that a language-model plugin implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agentd.aio.emitter import EventEmitter
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.resilience import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from .chat import ChatContext
from .events import ChatChunk, ToolChoice
from .request import ChatRequest
from .stream import LLMStream
from .tools import Tool
from .toolset import ToolContext, Toolset

PROBE = "Say yes."
"""What a model is asked, to see whether it answers at all; of the answer one piece is read."""


class LLM(ABC, EventEmitter):
    """A language model. A plugin implements `generate`, and no retries, timeouts or metrics.

    Emits `metrics_collected` (an LLMMetrics for each reply) and `error` (an LLMError for each
    attempt that failed).
    """

    @property
    def label(self) -> str:
        """Which model class it is, for logs and metrics."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def model(self) -> str:
        """The model's name at its provider."""
        return "unknown"

    @property
    def provider(self) -> str:
        """Who runs it."""
        return "unknown"

    @property
    def circuit(self) -> str:
        """Key of the service's circuit breaker, `provider/model`; empty for none (`resilience`)."""
        return ""

    @abstractmethod
    def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Make one attempt at a reply, as an async generator.

        It gives pieces as they come, a tool call whole, and the usage last if it is known. It
        raises an APIError that says whether another attempt makes sense. When it is cancelled or
        closed it ends at once and lets go of its connection. Chunks without an id are given one.
        """

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool | Toolset] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        response_format: NotGivenOr[type | dict[str, Any]] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LLMStream:
        """Ask for a reply. The request is made when the stream is first read.

        Raises ValueError where two tools have one name.
        """
        request = ChatRequest(
            chat_ctx=chat_ctx,
            tools=ToolContext(tools or ()).flatten(),
            conn_options=conn_options,
            parallel_tool_calls=parallel_tool_calls,
            tool_choice=tool_choice,
            response_format=response_format,
            extra_kwargs=extra_kwargs if is_given(extra_kwargs) else {},
        )
        return LLMStream(self, request)

    async def probe(self, conn_options: APIConnectOptions) -> None:
        """Ask for something that costs little; raises APIError while the model is not well."""
        chat_ctx = ChatContext()
        chat_ctx.add_message(role="user", content=PROBE)
        async with self.chat(chat_ctx=chat_ctx, conn_options=conn_options) as stream:
            await anext(stream, None)

    def prewarm(self) -> None:
        """Make the first reply come sooner; returns at once."""

    async def aclose(self) -> None:
        """Let go of connections. May be repeated."""
