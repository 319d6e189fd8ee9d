"""A language model of livekit.plugins."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

from agentd import llm
from agentd.errors import APIError
from agentd.given import NotGiven, is_given
from agentd.llm import (
    ChatChunk,
    ChoiceDelta,
    CompletionUsage,
    FunctionToolCall,
    to_openai_response_format,
)
from agentd.llm.request import ChatRequest

from .chat import to_livekit_choice, to_livekit_context, to_livekit_tools
from .errors import translated
from .surroundings import Surroundings, one_attempt
from .wrapped import Warmed


class LLM(Warmed, llm.LLM):
    """Asks the plugin once for each attempt; retries, deadlines and metrics are agentd's."""

    def __init__(self, plugin: Any) -> None:
        super().__init__()
        self._plugin = plugin
        self._around = Surroundings()

    async def generate(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """See the base class."""
        options = self._options(request)
        with translated():
            stream = self._around.run(
                self._plugin.chat,
                chat_ctx=to_livekit_context(request.chat_ctx),
                tools=to_livekit_tools(request.tools),
                conn_options=one_attempt(request.conn_options.timeout),
                **options,
            )
            async with stream:
                async for chunk in stream:
                    yield _chunk(chunk)

    def _options(self, request: ChatRequest) -> dict[str, Any]:
        """What was given, and nothing else: plugins have defaults of their own."""
        options: dict[str, Any] = {}
        if is_given(request.parallel_tool_calls):
            options["parallel_tool_calls"] = request.parallel_tool_calls
        if is_given(request.tool_choice):
            options["tool_choice"] = to_livekit_choice(request.tool_choice)
        extra = dict(request.extra_kwargs)
        wanted = request.response_format
        if not isinstance(wanted, NotGiven):
            self._put_format(wanted, options, extra)
        if extra:
            options["extra_kwargs"] = extra
        return options

    def _put_format(
        self, wanted: type | dict[str, Any], options: dict[str, Any], extra: dict[str, Any]
    ) -> None:
        """livekit-agents describes pydantic's models only; the others are described here."""
        if "response_format" not in inspect.signature(self._plugin.chat).parameters:
            name = type(self._plugin).__module__
            raise APIError(f"{name} takes no response_format", retryable=False)
        if hasattr(wanted, "model_json_schema"):
            options["response_format"] = wanted
        else:
            extra["response_format"] = to_openai_response_format(wanted)


def _chunk(chunk: Any) -> ChatChunk:
    return ChatChunk(
        id=chunk.id or "",
        delta=None if chunk.delta is None else _delta(chunk.delta),
        usage=None if chunk.usage is None else _usage(chunk.usage),
    )


def _delta(delta: Any) -> ChoiceDelta:
    calls = [
        FunctionToolCall(
            name=call.name, arguments=call.arguments, call_id=call.call_id, extra=call.extra or {}
        )
        for call in delta.tool_calls
    ]
    return ChoiceDelta(content=delta.content, tool_calls=calls, extra=delta.extra or {})


def _usage(usage: Any) -> CompletionUsage:
    return CompletionUsage(
        completion_tokens=usage.completion_tokens,
        prompt_tokens=usage.prompt_tokens,
        prompt_cached_tokens=usage.prompt_cached_tokens,
        total_tokens=usage.total_tokens,
    )
