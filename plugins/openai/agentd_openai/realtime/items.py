"""A chat context's items as the realtime API takes them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from openai.types.realtime import ConversationItemParam

from agentd.llm.images import to_data_url
from agentd.llm.instructions import Instructions
from agentd.llm.items import (
    AudioContent,
    ChatContent,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
)

Key: TypeAlias = tuple[str, str]
"""What an item is known by on both sides: calls and outputs by their call, the rest by the id."""

MAX_ID = 32
"""Characters that the API takes."""


def wire_id(item_id: str) -> str:
    """An id as the API takes it; those that are too long become a hash of themselves."""
    if len(item_id) <= MAX_ID:
        return item_id
    return f"item_{hashlib.sha256(item_id.encode()).hexdigest()[:26]}"


def key_of(item: ChatItem) -> Key:
    """Of an item of the agent's side."""
    if isinstance(item, FunctionCall | FunctionCallOutput):
        return (item.type, item.call_id)
    return ("message", wire_id(item.id))


def wire_key(item: dict[str, Any]) -> Key:
    """Of an item of the service's side."""
    name = "id" if item["type"] == "message" else "call_id"
    return (item["type"], item[name])


def wire_items(items: Sequence[ChatItem]) -> list[tuple[Key, dict[str, Any]]]:
    """Those that a model is told, in their order: an output needs its call, a message a content."""
    calls = {item.call_id for item in items if isinstance(item, FunctionCall)}
    made = []
    for item in items:
        if isinstance(item, FunctionCallOutput) and item.call_id not in calls:
            continue
        wire = wire_item(item)
        if wire is not None:
            made.append((key_of(item), wire))
    return made


def wire_item(item: ChatItem) -> dict[str, Any] | None:
    """One item; None where there is nothing to tell."""
    match item:
        case ChatMessage():
            return _message(item)
        case FunctionCall():
            return {
                "id": wire_id(item.id),
                "type": "function_call",
                "call_id": item.call_id,
                "name": item.name,
                "arguments": item.arguments or "{}",
            }
        case FunctionCallOutput():
            return {
                "id": wire_id(item.id),
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": item.output,
            }
        case _:
            return None


def text_message(item_id: str, role: str, text: str) -> dict[str, Any]:
    """What somebody said, as text."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


def picture_message(item_id: str, url: str) -> dict[str, Any]:
    """What the user shows."""
    content = [{"type": "input_image", "image_url": url}]
    return {"id": item_id, "type": "message", "role": "user", "content": content}


def as_param(item: dict[str, Any]) -> ConversationItemParam:
    """The same, for who checks types; the mock checks what it is at run time."""
    return cast("ConversationItemParam", item)


def _message(message: ChatMessage) -> dict[str, Any] | None:
    role = "system" if message.role == "developer" else message.role
    parts = [part for content in message.content if (part := _part(content, role)) is not None]
    if not parts:
        return None
    return {"id": wire_id(message.id), "type": "message", "role": role, "content": parts}


def _part(content: ChatContent, role: str) -> dict[str, Any] | None:
    text_type = "output_text" if role == "assistant" else "input_text"
    match content:
        case str() | Instructions():
            return {"type": text_type, "text": str(content)} if str(content) else None
        case AudioContent():
            said = content.transcript
            return {"type": text_type, "text": said} if said else None
        case ImageContent():
            return _picture(content) if role == "user" else None


def _picture(content: ImageContent) -> dict[str, Any]:
    url = content.image
    if not isinstance(url, str):
        url = to_data_url(
            url, max_width=content.inference_width, max_height=content.inference_height
        )
    return {"type": "input_image", "image_url": url, "detail": content.inference_detail}
