"""What a model is set to, by the names of OpenAI's API."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import openai

from agentd.given import NotGivenOr
from agentd.llm import ToolChoice

NOT_SENT = frozenset(
    {"extra_body", "extra_headers", "extra_query", "timeout", "tool_choice", "parallel_tool_calls"}
)
"""Options that are no field of a request, or only of one with tools."""


class CommonOptions(TypedDict, total=False):
    """What chat completions and responses both know."""

    user: NotGivenOr[str]
    safety_identifier: NotGivenOr[str]
    prompt_cache_key: NotGivenOr[str]
    prompt_cache_retention: NotGivenOr[Literal["in_memory", "24h"]]
    temperature: NotGivenOr[float]
    top_p: NotGivenOr[float]
    store: NotGivenOr[bool]
    metadata: NotGivenOr[dict[str, str]]
    service_tier: NotGivenOr[str]
    parallel_tool_calls: NotGivenOr[bool]
    tool_choice: NotGivenOr[ToolChoice]
    timeout: NotGivenOr[float | openai.Timeout]
    """The HTTP client's, in seconds; a call has its deadline by `conn_options` anyway."""
    extra_body: NotGivenOr[dict[str, Any]]
    """Fields of the request that are not named here."""
    extra_headers: NotGivenOr[dict[str, str]]
    extra_query: NotGivenOr[dict[str, str]]


class ChatOptions(CommonOptions, total=False):
    """And what chat completions know beside it."""

    max_completion_tokens: NotGivenOr[int]
    reasoning_effort: NotGivenOr[str]
    verbosity: NotGivenOr[Literal["low", "medium", "high"]]
    seed: NotGivenOr[int]
    frequency_penalty: NotGivenOr[float]
    presence_penalty: NotGivenOr[float]
    stop: NotGivenOr[str | list[str]]
    _strict_tool_schema: NotGivenOr[bool]
    """As in livekit-agents: False describes tools in the loose form."""
