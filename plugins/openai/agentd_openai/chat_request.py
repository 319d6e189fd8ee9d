"""A question to a model as a request of chat completions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from agentd.given import NotGiven, is_given, only_given
from agentd.llm import (
    ChatRequest,
    FunctionTool,
    RawFunctionTool,
    Tool,
    to_openai_response_format,
)
from agentd.llm.openai_format import to_messages

from .options import NOT_SENT
from .services import Dialect

Body: TypeAlias = dict[str, Any]

KNOWN = CompletionCreateParamsStreaming.__annotations__.keys()
"""The fields that the SDK has an argument for."""
MERGED = ("extra_body", "extra_headers", "extra_query")


def chat_arguments(
    request: ChatRequest, *, model: str, options: Mapping[str, Any], dialect: Dialect
) -> Body:
    """The arguments of the SDK's `create`; what a request has of its own wins over the options."""
    set_to = only_given(**options)
    body: Body = {
        "model": model,
        "messages": _messages(request, dialect),
        "stream": True,
        **{name: value for name, value in set_to.items() if name not in NOT_SENT},
    }
    if dialect.stream_usage:
        body["stream_options"] = {"include_usage": True}
    body |= _tools(request, set_to, dialect)
    wanted = request.response_format
    if not isinstance(wanted, NotGiven):
        body["response_format"] = to_openai_response_format(wanted)
    body = _in_dialect(body, dialect)
    return as_arguments(body, set_to, request.extra_kwargs, known=KNOWN)


def as_arguments(
    body: Body, set_to: Mapping[str, Any], extra: Mapping[str, Any], *, known: Any
) -> Body:
    """A request as arguments of the SDK, fields that it has none for in `extra_body`."""
    fields = body | {name: value for name, value in extra.items() if name not in MERGED}
    arguments = {
        name: value for name, value in fields.items() if name in known or name == "timeout"
    }
    for name in MERGED:
        arguments[name] = {**set_to.get(name, {}), **extra.get(name, {})}
    arguments["extra_body"] |= {
        name: value for name, value in fields.items() if name not in arguments
    }
    if "timeout" in set_to:
        arguments.setdefault("timeout", set_to["timeout"])
    return {name: value for name, value in arguments.items() if name not in MERGED or value}


def is_function(tool: Tool) -> bool:
    """Whether a tool is a function, and none of the provider's own."""
    return isinstance(tool, FunctionTool | RawFunctionTool)


def tool_settings(request: ChatRequest, set_to: Mapping[str, Any]) -> Body:
    """How tools may be called, where that is said."""
    settings = {
        name: own if is_given(own) else set_to.get(name)
        for name, own in (
            ("tool_choice", request.tool_choice),
            ("parallel_tool_calls", request.parallel_tool_calls),
        )
    }
    return {
        name: msgspec.to_builtins(value) for name, value in settings.items() if value is not None
    }


def _tools(request: ChatRequest, set_to: Mapping[str, Any], dialect: Dialect) -> Body:
    schemas = [
        tool.schema(strict=dialect.strict_tools)
        for tool in request.tools
        if isinstance(tool, FunctionTool | RawFunctionTool)
    ]
    return {"tools": schemas, **tool_settings(request, set_to)} if schemas else {}


def _messages(request: ChatRequest, dialect: Dialect) -> list[Body]:
    messages = to_messages(request.chat_ctx.items)
    if dialect.developer:
        return messages
    return [
        message | {"role": "system"} if message["role"] == "developer" else message
        for message in messages
    ]


def _in_dialect(body: Body, dialect: Dialect) -> Body:
    made = dict(body)
    if "max_completion_tokens" in made:
        made[dialect.max_tokens] = made.pop("max_completion_tokens")
    if not dialect.parallel_tool_calls:
        made.pop("parallel_tool_calls", None)
    return made
