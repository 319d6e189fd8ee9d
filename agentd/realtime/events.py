"""What a speech-to-speech session tells, one Struct an event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from msgspec import Struct

from agentd.audio.frame import AudioFrame
from agentd.llm.events import FunctionToolCall


class InputSpeechStarted(Struct, frozen=True, kw_only=True):
    """The model hears the user speak."""


class InputSpeechStopped(Struct, frozen=True, kw_only=True):
    """The model hears the end of it."""

    user_transcription_enabled: bool = False


class InputTranscriptionCompleted(Struct, frozen=True, kw_only=True):
    """What the user said."""

    item_id: str
    transcript: str
    is_final: bool = True
    confidence: float | None = None


class MessageGeneration:
    """One message of a response, while it comes."""

    def __init__(
        self,
        *,
        message_id: str,
        text: AsyncIterator[str],
        audio: AsyncIterator[AudioFrame],
        modalities: tuple[Literal["text", "audio"], ...] = ("text", "audio"),
    ) -> None:
        self.message_id = message_id
        self.text_stream = text
        self.audio_stream = audio
        self.modalities = modalities
        self.cut_off = False
        """Whether it ended before it was whole; known once both streams have ended."""


class GenerationCreated:
    """The model begins a response."""

    def __init__(
        self,
        *,
        response_id: str,
        messages: AsyncIterator[MessageGeneration],
        function_calls: AsyncIterator[FunctionToolCall],
        user_initiated: bool,
    ) -> None:
        self.response_id = response_id
        self.message_stream = messages
        self.function_stream = function_calls
        self.user_initiated = user_initiated
        """Whether `generate_reply` asked for it; False where the server decided."""


class RemoteItemAdded(Struct, frozen=True, kw_only=True):
    """The service has a new item in its conversation."""

    item_id: str
    previous_item_id: str | None = None


class SessionReconnected(Struct, frozen=True, kw_only=True):
    """The connection was lost, and the conversation is restored on a new one."""


class RealtimeError(Struct, frozen=True, kw_only=True):
    """Something failed."""

    error: Exception
    recoverable: bool


RealtimeEvent = (
    InputSpeechStarted
    | InputSpeechStopped
    | InputTranscriptionCompleted
    | GenerationCreated
    | RemoteItemAdded
    | SessionReconnected
    | RealtimeError
)
