"""The interface of a speech-to-speech model: it hears, thinks and speaks in one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, Literal

from msgspec import Struct

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.tools import Tool

from .events import GenerationCreated, RealtimeEvent


class RealtimeCapabilities(Struct, frozen=True, kw_only=True):
    """What a model can do, as data: nobody asks for a provider's name."""

    message_truncation: bool = True
    """It can be told how much of a message was heard."""
    turn_detection: bool = True
    """It notices turns itself and answers unasked."""
    user_transcription: bool = True
    """It tells what the user said."""
    auto_tool_reply_generation: bool = False
    """It answers the outputs of tools unasked."""
    audio_output: bool = True
    """It speaks; else it writes, and a TTS speaks."""
    manual_function_calls: bool = True
    """Calls and outputs that it has not made itself may be put into its history."""
    can_disable_turn_detection: bool = True
    mutable_chat_context: bool = True
    """Its history may be changed while it runs; the next three likewise."""
    mutable_instructions: bool = True
    mutable_tools: bool = True
    per_response_tool_choice: bool = True
    video_input: bool = False
    """It sees what is pushed by `push_video`."""
    supports_say: bool = False
    """It can speak a given text."""


class RealtimeModel(ABC):
    """A speech-to-speech model. Inert: each conversation has a session of its own."""

    def __init__(self, *, capabilities: RealtimeCapabilities) -> None:
        self._capabilities = capabilities

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """What it can do."""
        return self._capabilities

    @property
    def label(self) -> str:
        """Which class it is, for logs and metrics."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def model(self) -> str:
        """The model's name; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def provider(self) -> str:
        """Whose model it is; "unknown" where a plugin tells none."""
        return "unknown"

    @property
    def circuit(self) -> str:
        """Key of the service's circuit breaker, `provider/model`; empty for none (`resilience`)."""
        return ""

    @abstractmethod
    def session(self) -> RealtimeSession:
        """Begin a conversation; it connects when it is first read."""

    async def aclose(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds. May be repeated; open sessions are their users' to close."""


class RealtimeSession(ABC, EventEmitter):
    """One conversation: an async iterator of RealtimeEvent, read by one task.

    Everything that is asked of it may be asked before it is connected, and while it reconnects.
    The iterator ends when it is closed; a fault that it can't get over is raised from it as an
    APIError. Emits "metrics_collected" (RealtimeModelMetrics).
    """

    def __init__(self, model: RealtimeModel) -> None:
        super().__init__()
        self._model = model

    @property
    def model(self) -> RealtimeModel:
        """Whose session it is."""
        return self._model

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[RealtimeEvent]: ...

    async def connected(self) -> None:
        """Wait until the service has taken the session; ends as well when that has failed.

        Needs the session to be read meanwhile. Without a deadline: that is the caller's.
        """

    # -- what it hears and sees ------------------------------------------------------

    @abstractmethod
    def push_audio(self, frame: AudioFrame) -> None:
        """Give it the next audio of the user. Drops the oldest where it can't keep up."""

    def push_video(self, data: bytes, mime_type: str) -> None:
        """Show it a picture."""

    @abstractmethod
    def commit_audio(self) -> None:
        """The user has finished: take what was heard as a message."""

    @abstractmethod
    def clear_audio(self) -> None:
        """Forget what was heard since the last message."""

    # -- what it says ----------------------------------------------------------------

    @abstractmethod
    async def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
    ) -> GenerationCreated:
        """Have it speak; returns when it begins. Raises APIError, also where it does not begin."""

    async def say(self, text: str) -> GenerationCreated:
        """Have it speak a text. For models that can (`supports_say`)."""
        raise NotImplementedError(f"{self._model.label} can't speak a given text: {text[:40]!r}")

    @abstractmethod
    def interrupt(self) -> None:
        """Have it stop what it is saying."""

    @abstractmethod
    def truncate(
        self,
        *,
        message_id: str,
        modalities: tuple[Literal["text", "audio"], ...],
        audio_end: float,
        transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Tell it how much of a message was heard, in seconds and as text."""

    # -- what it knows ---------------------------------------------------------------

    @abstractmethod
    async def update_instructions(self, instructions: str) -> None: ...

    @abstractmethod
    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None: ...

    @abstractmethod
    async def update_tools(self, tools: list[Tool]) -> None: ...

    @abstractmethod
    def update_options(self, *, tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN) -> None: ...

    @abstractmethod
    async def aclose(self) -> None:
        """End the conversation. May be repeated."""

    async def __aenter__(self) -> RealtimeSession:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class RealtimeModelError(Struct, frozen=True, kw_only=True):
    """A conversation has failed; the argument of the event `error`."""

    timestamp: float
    label: str
    error: Any
    recoverable: bool
