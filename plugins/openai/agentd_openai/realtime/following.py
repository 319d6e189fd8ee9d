"""What an event says of a response that is under way."""

from __future__ import annotations

from typing import TypeAlias

from openai.types.realtime import (
    ConversationItem,
    ResponseAudioDeltaEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)
from openai.types.realtime.realtime_conversation_item_assistant_message import (
    RealtimeConversationItemAssistantMessage,
)
from openai.types.realtime.realtime_conversation_item_function_call import (
    RealtimeConversationItemFunctionCall,
)

from .conversation import Conversation
from .response import Message, Response

Said: TypeAlias = (
    ResponseAudioDeltaEvent
    | ResponseAudioTranscriptDeltaEvent
    | ResponseAudioTranscriptDoneEvent
    | ResponseTextDeltaEvent
    | ResponseTextDoneEvent
    | ResponseOutputItemAddedEvent
    | ResponseOutputItemDoneEvent
    | ResponseFunctionCallArgumentsDoneEvent
)
"""Events that belong to a response that has begun."""


def follow(response: Response, event: Said, conversation: Conversation) -> None:
    """Tell the response, and the conversation's mirror. Raises ReplyTooLong."""
    match event:
        case ResponseAudioDeltaEvent():
            message = response.message(event.item_id)
            message.sound(event.delta or "")
            note(message, conversation)
        case ResponseAudioTranscriptDeltaEvent() | ResponseTextDeltaEvent():
            message = response.message(event.item_id)
            message.write(event.delta or "")
            note(message, conversation)
        case ResponseAudioTranscriptDoneEvent():
            response.message(event.item_id).complete(event.transcript or "")
        case ResponseTextDoneEvent():
            response.message(event.item_id).complete(event.text or "")
        case ResponseOutputItemAddedEvent():
            _item_begins(response, event.item)
        case ResponseOutputItemDoneEvent():
            _item_ends(response, event.item, conversation)
        case ResponseFunctionCallArgumentsDoneEvent():
            name = getattr(event, "name", "") or ""  # services that resemble it leave it out
            called = (name, event.call_id or "", event.arguments or "")
            _call(response, event.item_id, called, conversation)


def note(message: Message, conversation: Conversation) -> None:
    """The mirror knows the words of a message, and how long it is; not after it was cut."""
    entry = conversation.get(message.item_id)
    if entry is not None and entry.sounds:
        conversation.said(message.item_id, message.text)
        entry.audio_seconds = message.audio_seconds


def _item_begins(response: Response, item: ConversationItem) -> None:
    if isinstance(item, RealtimeConversationItemFunctionCall):
        response.expect_call(item.id or "", item.name or "", item.call_id or "")
    elif isinstance(item, RealtimeConversationItemAssistantMessage):
        response.message(item.id or "")


def _item_ends(response: Response, item: ConversationItem, conversation: Conversation) -> None:
    if isinstance(item, RealtimeConversationItemFunctionCall):
        called = (item.name or "", item.call_id or "", item.arguments or "")
        _call(response, item.id or "", called, conversation)
    elif isinstance(item, RealtimeConversationItemAssistantMessage):
        message = response.message(item.id or "")
        message.complete("".join(part.transcript or part.text or "" for part in item.content))
        note(message, conversation)
        message.end()


def _call(
    response: Response, item_id: str, called: tuple[str, str, str], conversation: Conversation
) -> None:
    name, call_id, arguments = called
    call = response.call(item_id, name=name, call_id=call_id, arguments=arguments)
    if call is not None:
        conversation.call_completed(
            item_id, name=call.name, call_id=call.call_id, arguments=call.arguments
        )
