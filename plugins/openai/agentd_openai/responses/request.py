"""A question to a model as a request of the Responses API. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from agentd.given import NotGiven, only_given
from agentd.llm import (
    ChatItem,
    ChatRequest,
    FunctionTool,
    RawFunctionTool,
    Tool,
    to_openai_response_format,
)
from agentd.llm.openai_format import to_messages
from agentd_openai.chat_request import as_arguments, tool_settings
from agentd_openai.options import NOT_SENT
from agentd_openai.tools import OpenAITool

Body: TypeAlias = dict[str, Any]

KNOWN = ResponseCreateParamsStreaming.__annotations__.keys()
NOT_A_FIELD = NOT_SENT | {"verbosity"}


def response_arguments(request: ChatRequest, *, model: str, options: Mapping[str, Any]) -> Body:
    """The arguments of the SDK's `create`; what a request has of its own wins over the options."""
    set_to = only_given(**options)
    body: Body = {
        "model": model,
        "input": to_input(request.chat_ctx.items),
        "stream": True,
        **{name: value for name, value in set_to.items() if name not in NOT_A_FIELD},
        **_tools(request, set_to),
    }
    if text := _text(request, set_to):
        body["text"] = text
    return as_arguments(body, set_to, request.extra_kwargs, known=KNOWN)


def to_input(items: Sequence[ChatItem]) -> list[Body]:
    """A conversation as the API's items: what the chat API has in one message apart."""
    made: list[Body] = []
    for message in to_messages(items):
        if message["role"] == "tool":
            made.append(
                {
                    "type": "function_call_output",
                    "call_id": message["tool_call_id"],
                    "output": message["content"],
                }
            )
            continue
        if message.get("content"):
            made.append({"role": message["role"], "content": _content(message["content"])})
        made += [_call(call) for call in message.get("tool_calls", ())]
    return made


def _content(content: str | list[Body]) -> str | list[Body]:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: Body) -> Body:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    image = part["image_url"]
    return {"type": "input_image", "image_url": image["url"], "detail": image["detail"]}


def _call(call: Body) -> Body:
    return {"type": "function_call", "call_id": call["id"], **call["function"]}


def _tools(request: ChatRequest, set_to: Mapping[str, Any]) -> Body:
    entries = list(_entries(request.tools))
    if not entries:
        return {}
    settings = tool_settings(request, set_to)
    choice = settings.get("tool_choice")
    if isinstance(choice, dict) and "function" in choice:
        settings["tool_choice"] = {"type": "function", "name": choice["function"]["name"]}
    return {"tools": entries, **settings}


def _entries(tools: Sequence[Tool]) -> Iterator[Body]:
    for tool in tools:
        if isinstance(tool, FunctionTool | RawFunctionTool):
            # Here strict is what holds where nothing is said.
            yield {"type": "function", "strict": False, **tool.schema()["function"]}
        elif isinstance(tool, OpenAITool):
            yield tool.entry()


def _text(request: ChatRequest, set_to: Mapping[str, Any]) -> Body:
    text: Body = {"verbosity": set_to["verbosity"]} if "verbosity" in set_to else {}
    wanted = request.response_format
    if not isinstance(wanted, NotGiven):
        described = to_openai_response_format(wanted)
        text["format"] = {"type": described["type"], **described.get("json_schema", {})}
    return text
