"""Conversations and tools as livekit-agents has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit.agents import llm as lk

from agentd.errors import ModelError
from agentd.llm import (
    AgentConfigUpdate,
    AgentHandoff,
    AudioContent,
    ChatContext,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    ImageContent,
    Instructions,
    RawFunctionTool,
    Tool,
)
from agentd.llm.images import to_data_url
from agentd.llm.items import ChatContent, ChatItem

from .frames import to_livekit


def to_livekit_context(chat_ctx: ChatContext) -> Any:
    """The conversation, item by item, with the same ids."""
    return lk.ChatContext([_item(item) for item in chat_ctx.items])


def to_livekit_tools(tools: Sequence[Tool]) -> list[Any]:
    """The tools by their schemas; they are never called there.

    Raises ModelError for a tool of a provider, which has no schema.
    """
    return [_tool(tool) for tool in tools]


def to_livekit_choice(choice: Any) -> Any:
    """A tool choice; a dict is OpenAI's form, which livekit-agents takes as it is."""
    if isinstance(choice, str | dict) or choice is None:
        return choice
    return {"type": "function", "function": {"name": choice.function.name}}


def _tool(tool: Tool) -> Any:
    if not isinstance(tool, FunctionTool | RawFunctionTool):
        raise ModelError(f"the tool '{tool.id}' has no schema: livekit plugins can't be given it")
    return lk.function_tool(_never_called, raw_schema=_raw_schema(tool))


def _raw_schema(tool: FunctionTool[..., Any] | RawFunctionTool[..., Any]) -> dict[str, Any]:
    described = dict(tool.schema()["function"])
    described.setdefault("parameters", {"type": "object", "properties": {}})
    return described


async def _never_called(raw_arguments: dict[str, object]) -> None:
    """agentd calls the tools of a session itself."""


def _item(item: ChatItem) -> Any:
    match item:
        case ChatMessage():
            return lk.ChatMessage(
                id=item.id,
                role=item.role,
                content=[_content(part) for part in item.content],
                interrupted=item.interrupted,
                transcript_confidence=item.transcript_confidence,
                extra=item.extra,
                created_at=item.created_at,
            )
        case FunctionCall():
            return lk.FunctionCall(
                id=item.id,
                call_id=item.call_id,
                name=item.name,
                arguments=item.arguments,
                created_at=item.created_at,
                extra=item.extra,
                group_id=item.group_id,
            )
        case FunctionCallOutput():
            return lk.FunctionCallOutput(
                id=item.id,
                call_id=item.call_id,
                name=item.name,
                output=item.output,
                is_error=item.is_error,
                created_at=item.created_at,
                reply_required=item.reply_required,
            )
        case AgentHandoff():
            return lk.AgentHandoff(
                id=item.id,
                old_agent_id=item.old_agent_id,
                new_agent_id=item.new_agent_id,
                created_at=item.created_at,
            )
        case AgentConfigUpdate():
            return lk.AgentConfigUpdate(
                id=item.id,
                instructions=item.instructions,
                tools_added=item.tools_added,
                tools_removed=item.tools_removed,
                created_at=item.created_at,
            )


def _content(part: ChatContent) -> Any:
    match part:
        case str() | Instructions():
            return str(part)
        case ImageContent():
            return lk.ImageContent(
                id=part.id,
                image=_url(part),
                inference_width=part.inference_width,
                inference_height=part.inference_height,
                inference_detail=part.inference_detail,
                mime_type=part.mime_type,
            )
        case AudioContent():
            return lk.AudioContent(
                frame=[to_livekit(frame) for frame in part.frame], transcript=part.transcript
            )


def _url(part: ImageContent) -> str:
    if isinstance(part.image, str):
        return part.image
    return to_data_url(part.image, max_width=part.inference_width, max_height=part.inference_height)
