"""A conversation as OpenAI's chat API takes it. Pure.

The API wants the calls of one reply in one assistant message, directly followed by the output of
each. A call without an output (the tool still runs, or nobody knows) and an output without a call
are left out, since it refuses both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from .images import to_data_url
from .instructions import Instructions
from .items import (
    AudioContent,
    ChatContent,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
)

Message: TypeAlias = dict[str, Any]

DUMMY_USER_MESSAGE = "."
"""Some models refuse a conversation in which the user has said nothing."""


def to_messages(items: Sequence[ChatItem], *, dummy_user_message: bool = True) -> list[Message]:
    """The messages of a request.

    With `dummy_user_message` a conversation without any word of the user ends with a dot from them.
    """
    outputs = {item.call_id: item for item in items if isinstance(item, FunctionCallOutput)}
    messages: list[Message] = []
    for group in _groups(items):
        messages += _group_messages(group, outputs)
    if dummy_user_message and not any(message["role"] == "user" for message in messages):
        messages.append({"role": "user", "content": DUMMY_USER_MESSAGE})
    return messages


def _groups(items: Sequence[ChatItem]) -> Iterator[list[ChatMessage | FunctionCall]]:
    """What belongs into one message: one that was said, with the calls of the same reply."""
    group: list[ChatMessage | FunctionCall] = []
    for item in items:
        if not isinstance(item, ChatMessage | FunctionCall):
            continue
        if group and not _belongs(item, group):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _belongs(item: ChatMessage | FunctionCall, group: list[ChatMessage | FunctionCall]) -> bool:
    last = group[-1]
    if isinstance(item, ChatMessage):
        return False
    if isinstance(last, ChatMessage):
        return last.role == "assistant"
    return item.group_id == last.group_id


def _group_messages(
    group: list[ChatMessage | FunctionCall], outputs: dict[str, FunctionCallOutput]
) -> Iterator[Message]:
    said = [item for item in group if isinstance(item, ChatMessage)]
    calls = [item for item in group if isinstance(item, FunctionCall) and item.call_id in outputs]
    content = _content(said[0]) if said else None
    if not content and not calls:
        return
    message: Message = {"role": said[0].role if said else "assistant"}
    if content:
        message["content"] = content
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    yield message
    for call in calls:
        yield {
            "role": "tool",
            "tool_call_id": call.call_id,
            "content": outputs[call.call_id].output,
        }


def _call(call: FunctionCall) -> Message:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    made: Message = {"id": call.call_id, "type": "function", "function": function}
    # Some providers that speak this format want a signature of their thoughts back.
    extra = call.extra.get("extra_content")
    return made | ({"extra_content": extra} if extra else {})


def _content(message: ChatMessage) -> str | list[Message]:
    """One text where there is nothing but text, else a list of parts."""
    parts = [_part(content) for content in message.content]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    if len(texts) == len(parts):
        return "\n".join(text for text in texts if text)
    return [part for part in parts if part.get("text") != ""]


def _part(content: ChatContent) -> Message:
    match content:
        case str() | Instructions():
            return {"type": "text", "text": str(content)}
        case ImageContent():
            return {"type": "image_url", "image_url": _image(content)}
        case AudioContent():
            # A chat model reads: it is told what was said, not how it sounded.
            return {"type": "text", "text": content.transcript or ""}


def _image(content: ImageContent) -> Message:
    url = content.image
    if not isinstance(url, str):
        url = to_data_url(
            url, max_width=content.inference_width, max_height=content.inference_height
        )
    return {"url": url, "detail": content.inference_detail}
