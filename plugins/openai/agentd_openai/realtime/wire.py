"""What is sent to the service, by the SDK's types, and what its errors mean. Pure."""

from __future__ import annotations

import base64
from typing import TypeAlias

from openai.types.realtime import (
    ConversationItemCreateEventParam,
    ConversationItemDeleteEventParam,
    ConversationItemParam,
    ConversationItemTruncateEventParam,
    InputAudioBufferAppendEventParam,
    InputAudioBufferClearEventParam,
    InputAudioBufferCommitEventParam,
    RealtimeClientEventParam,
    RealtimeError,
    ResponseCancelEventParam,
    ResponseCreateEventParam,
    SessionUpdateEventParam,
)
from openai.types.realtime.realtime_response_create_params_param import (
    RealtimeResponseCreateParamsParam,
)
from openai.types.realtime.session_update_event_param import Session

from agentd.errors import APIError
from agentd.ids import shortuuid

ClientEvent: TypeAlias = RealtimeClientEventParam

RATE = 24000
"""Samples a second, both ways."""
ROOT = "root"
"""Stands for what is before the first item of a conversation."""
REQUEST = "agentd_request"
"""In a response's metadata: which of our requests it answers."""

ACTIVE_RESPONSE = "conversation_already_has_active_response"
EXPIRED = "session_expired"
HOPELESS = frozenset(
    {"invalid_api_key", "insufficient_quota", "model_not_found", "invalid_model", "unauthorized"}
)
"""Codes of errors that end a session: another connection would meet them as well."""
BENIGN = frozenset({"response_cancel_not_active", "item_truncate_invalid_item_id"})
"""Codes that say that what was asked for is so already."""


def session_update(session: Session) -> SessionUpdateEventParam:
    """Change the session's settings."""
    return {"type": "session.update", "event_id": shortuuid("update_"), "session": session}


def append(audio: bytes) -> InputAudioBufferAppendEventParam:
    """The next audio of the user."""
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


def commit() -> InputAudioBufferCommitEventParam:
    """The user has finished."""
    return {"type": "input_audio_buffer.commit", "event_id": shortuuid("commit_")}


def clear() -> InputAudioBufferClearEventParam:
    """Forget the audio since the last message."""
    return {"type": "input_audio_buffer.clear"}


def create_item(
    item: ConversationItemParam, previous_item_id: str | None = None
) -> ConversationItemCreateEventParam:
    """Put an item after another, or at the end."""
    event: ConversationItemCreateEventParam = {
        "type": "conversation.item.create",
        "event_id": shortuuid("create_"),
        "item": item,
    }
    if previous_item_id is not None:
        event["previous_item_id"] = previous_item_id
    return event


def delete_item(item_id: str) -> ConversationItemDeleteEventParam:
    """Take an item out."""
    event_id = shortuuid("delete_")
    return {"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id}


def truncate_item(item_id: str, seconds: float) -> ConversationItemTruncateEventParam:
    """Only so much of a message's audio was heard."""
    return {
        "type": "conversation.item.truncate",
        "event_id": shortuuid("truncate_"),
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": int(1000 * seconds),
    }


def create_response(response: RealtimeResponseCreateParamsParam) -> ResponseCreateEventParam:
    """Have the model speak."""
    return {"type": "response.create", "event_id": shortuuid("respond_"), "response": response}


def cancel_response(response_id: str) -> ResponseCancelEventParam:
    """Have it stop."""
    event_id = shortuuid("cancel_")
    return {"type": "response.cancel", "event_id": event_id, "response_id": response_id}


def as_error(error: RealtimeError, label: str) -> APIError:
    """An event `error` as one of agentd's."""
    code = error.code or error.type
    hopeless = code in HOPELESS or error.type == "invalid_request_error"
    return APIError(
        f"{label} reports '{code}': {error.message}",
        body={"type": error.type, "code": error.code, "param": error.param},
        retryable=not hopeless or code == EXPIRED,
    )
