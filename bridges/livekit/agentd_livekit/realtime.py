"""A speech-to-speech model of livekit.plugins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from agentd import realtime
from agentd.aio.channel import Channel
from agentd.audio.frame import AudioFrame, as_frame
from agentd.errors import ChannelClosed, WouldBlock
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm import ChatContext, FunctionToolCall, Tool, ToolChoice
from agentd.metrics import RealtimeModelMetrics
from agentd.realtime import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    MessageGeneration,
    RealtimeCapabilities,
    RealtimeError,
    RealtimeEvent,
    RemoteItemAdded,
    SessionReconnected,
)

from .chat import to_livekit_choice, to_livekit_context, to_livekit_tools
from .errors import as_ours, translated
from .frames import to_livekit
from .surroundings import Surroundings
from .wrapped import Wrapped

EVENTS_WAITING = 256


class RealtimeModel(Wrapped, realtime.RealtimeModel):
    """Converses by the plugin. It can't be shown pictures."""

    def __init__(self, plugin: Any) -> None:
        can = plugin.capabilities
        super().__init__(
            capabilities=RealtimeCapabilities(
                message_truncation=can.message_truncation,
                turn_detection=can.turn_detection,
                user_transcription=can.user_transcription,
                auto_tool_reply_generation=can.auto_tool_reply_generation,
                audio_output=can.audio_output,
                manual_function_calls=can.manual_function_calls,
                can_disable_turn_detection=False,  # agentd's session() has no such argument
                mutable_chat_context=can.mutable_chat_context,
                mutable_instructions=can.mutable_instructions,
                mutable_tools=can.mutable_tools,
                per_response_tool_choice=can.per_response_tool_choice,
                supports_say=can.supports_say,
            )
        )
        self._plugin = plugin
        self._around = Surroundings()

    def session(self) -> RealtimeSession:
        """See the base class."""
        return RealtimeSession(self, self._plugin, self._around)


class RealtimeSession(realtime.RealtimeSession):
    """One conversation; the plugin's begins when this is first read, or asked for something."""

    def __init__(self, model: RealtimeModel, plugin: Any, around: Surroundings) -> None:
        super().__init__(model)
        self._plugin = plugin
        self._around = around
        self._events: Channel[RealtimeEvent] = Channel(EVENTS_WAITING)
        self._session: Any = None
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        self._begun()
        async for event in self._events:
            if isinstance(event, RealtimeError) and not event.recoverable:
                raise event.error
            yield event

    # -- what is asked of it -----------------------------------------------------------------

    def push_audio(self, frame: AudioFrame) -> None:
        """See the base class."""
        self._do(lambda session: session.push_audio(to_livekit(frame)))

    def commit_audio(self) -> None:
        """See the base class."""
        self._do(lambda session: session.commit_audio())

    def clear_audio(self) -> None:
        """See the base class."""
        self._do(lambda session: session.clear_audio())

    async def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
    ) -> GenerationCreated:
        """See the base class."""
        options: dict[str, Any] = {}
        if is_given(instructions):
            options["instructions"] = instructions
        if is_given(tool_choice):
            options["tool_choice"] = to_livekit_choice(tool_choice)
        session = self._begun()
        with translated():
            return _generation(await session.generate_reply(**options))

    async def say(self, text: str) -> GenerationCreated:
        """See the base class."""
        session = self._begun()
        with translated():
            return _generation(await session.say(text))

    def interrupt(self) -> None:
        """See the base class."""
        self._do(lambda session: session.interrupt())

    def truncate(
        self,
        *,
        message_id: str,
        modalities: tuple[Literal["text", "audio"], ...],
        audio_end: float,
        transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """See the base class."""
        heard = {"audio_transcript": transcript} if is_given(transcript) else {}
        self._do(
            lambda session: session.truncate(
                message_id=message_id,
                modalities=list(modalities),
                audio_end_ms=round(1000 * audio_end),
                **heard,
            )
        )

    async def update_instructions(self, instructions: str) -> None:
        """See the base class."""
        session = self._begun()
        with translated():
            await session.update_instructions(instructions)

    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        """See the base class."""
        session = self._begun()
        with translated():
            await session.update_chat_ctx(to_livekit_context(chat_ctx))

    async def update_tools(self, tools: list[Tool]) -> None:
        """See the base class."""
        session = self._begun()
        with translated():
            await session.update_tools(to_livekit_tools(tools))

    def update_options(self, *, tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN) -> None:
        """See the base class."""
        if is_given(tool_choice):
            choice = to_livekit_choice(tool_choice)
            self._do(lambda session: session.update_options(tool_choice=choice))

    async def aclose(self) -> None:
        """See the base class."""
        self._closed = True
        if self._session is not None:
            await self._session.aclose()
        self._events.close()

    # -- its beginning -----------------------------------------------------------------------

    def _do(self, call: Callable[[Any], Any]) -> None:
        if not self._closed:
            call(self._begun())

    def _begun(self) -> Any:
        if self._session is None:
            with translated():
                self._session = self._around.run(self._plugin.session)
            for name, made in EVENTS.items():
                self._session.on(name, self._teller(made))
            self._session.on("error", self._fail)
            self._session.on("metrics_collected", self._measure)
        return self._session

    # -- what it tells -----------------------------------------------------------------------

    def _teller(self, made: Callable[[Any], RealtimeEvent | None]) -> Callable[..., None]:
        def tell(event: Any = None) -> None:
            ours = made(event)
            if ours is not None:
                self._tell(ours)

        return tell

    def _fail(self, event: Any) -> None:
        self._tell(RealtimeError(error=as_ours(event.error), recoverable=event.recoverable))

    def _tell(self, event: RealtimeEvent) -> None:
        try:
            self._events.send_nowait(event)
        except (WouldBlock, ChannelClosed):  # nobody has read it for long, or it is over
            return

    def _measure(self, metrics: Any) -> None:
        self.emit(
            "metrics_collected",
            RealtimeModelMetrics(
                label=self.model.label,
                timestamp=metrics.timestamp,
                model=self.model.model,
                provider=self.model.provider,
                request_id=metrics.request_id,
                duration=metrics.duration,
                ttft=metrics.ttft,
                cancelled=metrics.cancelled,
                input_tokens=metrics.input_tokens,
                output_tokens=metrics.output_tokens,
                total_tokens=metrics.total_tokens,
                tokens_per_second=metrics.tokens_per_second,
                input_audio_tokens=metrics.input_token_details.audio_tokens,
                output_audio_tokens=metrics.output_token_details.audio_tokens,
                cached_tokens=metrics.input_token_details.cached_tokens,
            ),
        )


def _transcription(event: Any) -> InputTranscriptionCompleted:
    return InputTranscriptionCompleted(
        item_id=event.item_id,
        transcript=event.transcript,
        is_final=event.is_final,
        confidence=event.confidence,
    )


def _unasked(event: Any) -> GenerationCreated | None:
    """Those that were asked for are what `generate_reply` returns."""
    return None if event.user_initiated else _generation(event)


def _item_added(event: Any) -> RemoteItemAdded:
    return RemoteItemAdded(item_id=event.item.id, previous_item_id=event.previous_item_id)


EVENTS: dict[str, Callable[[Any], RealtimeEvent | None]] = {
    "input_speech_started": lambda event: InputSpeechStarted(),
    "input_speech_stopped": lambda event: InputSpeechStopped(
        user_transcription_enabled=event.user_transcription_enabled
    ),
    "input_audio_transcription_completed": _transcription,
    "generation_created": _unasked,
    "session_reconnected": lambda event: SessionReconnected(),
    "remote_item_added": _item_added,
}


def _generation(event: Any) -> GenerationCreated:
    return GenerationCreated(
        response_id=event.response_id or "",
        messages=_messages(event.message_stream),
        function_calls=_calls(event.function_stream),
        user_initiated=event.user_initiated,
    )


async def _messages(stream: Any) -> AsyncIterator[MessageGeneration]:
    async for message in stream:
        yield MessageGeneration(
            message_id=message.message_id,
            text=_texts(message.text_stream),
            audio=_frames(message.audio_stream),
            modalities=tuple(await message.modalities),
        )


async def _texts(stream: Any) -> AsyncIterator[str]:
    async for text in stream:
        yield str(text)


async def _frames(stream: Any) -> AsyncIterator[AudioFrame]:
    async for frame in stream:
        yield as_frame(frame)


async def _calls(stream: Any) -> AsyncIterator[FunctionToolCall]:
    async for call in stream:
        yield FunctionToolCall(
            name=call.name, arguments=call.arguments, call_id=call.call_id, extra=call.extra
        )
