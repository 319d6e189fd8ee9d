"""The span of a request to a language model, by OpenTelemetry's conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agentd.metrics import LLMMetrics
from agentd.tracing import NOTHING, Span, enabled, said, span
from agentd.tracing.genai import (
    call_part,
    messages_json,
    model_attributes,
    result_part,
    text_part,
)

from .events import ChoiceDelta
from .items import ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from .request import ChatRequest


class Asked(Protocol):
    """A model, as far as its span tells of it."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...


def begin_request(llm: Asked, request: ChatRequest) -> Span:
    """The request begins."""
    if not enabled():
        return NOTHING
    return span(
        "llm_request",
        {
            **model_attributes("chat", llm.model, llm.provider),
            "gen_ai.request.stream": True,
            "gen_ai.input.messages": said(lambda: _told(request.chat_ctx.items)),
        },
        client=True,
    )


def end_request(asked: Span, metrics: LLMMetrics, given: Iterable[ChoiceDelta]) -> None:
    """It is over, and has cost this."""
    if not asked.is_recorded:
        return
    asked.set(
        {
            "gen_ai.response.id": metrics.request_id,
            "gen_ai.response.time_to_first_chunk": metrics.ttft if metrics.ttft >= 0 else None,
            "gen_ai.usage.input_tokens": metrics.prompt_tokens,
            "gen_ai.usage.output_tokens": metrics.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": metrics.prompt_cached_tokens or None,
            "gen_ai.output.messages": said(lambda: _answered(given)),
            "agentd.cancelled": metrics.cancelled or None,
        }
    )
    asked.end()


def _told(items: Iterable[ChatItem]) -> str:
    return messages_json((_role(item), parts) for item in items if (parts := _parts(item)))


def _role(item: ChatItem) -> str:
    match item:
        case ChatMessage(role=role):
            return "system" if role == "developer" else role
        case FunctionCallOutput():
            return "tool"
        case _:
            return "assistant"


def _parts(item: ChatItem) -> list[Mapping[str, Any]]:
    match item:
        case ChatMessage() if item.text_content:
            return [text_part(item.text_content)]
        case FunctionCall(call_id=call_id, name=name, arguments=arguments):
            return [call_part(call_id, name, arguments)]
        case FunctionCallOutput(call_id=call_id, output=output):
            return [result_part(call_id, output)]
        case _:
            return []


def _answered(given: Iterable[ChoiceDelta]) -> str:
    pieces = list(given)
    text = "".join(piece.content or "" for piece in pieces)
    parts: list[Mapping[str, Any]] = [text_part(text)] if text else []
    parts += [
        call_part(call.call_id, call.name, call.arguments)
        for piece in pieces
        for call in piece.tool_calls
    ]
    return messages_json([("assistant", parts)])
