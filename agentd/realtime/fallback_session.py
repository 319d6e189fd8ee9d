"""A conversation that goes on with another model when one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.audio.frame import AudioFrame
from agentd.errors import APIError, APIStatusError, APITimeoutError
from agentd.given import NOT_GIVEN, NotGiven, NotGivenOr
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.tools import Tool
from agentd.resilience import Standby

from .base import RealtimeModel, RealtimeSession
from .briefing import Briefing
from .changeover import Changeover
from .events import (
    GenerationCreated,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscriptionCompleted,
    RealtimeError,
    RealtimeEvent,
    SessionReconnected,
)
from .line import Line
from .relayed import Relayed

MAX_EVENTS = 256
"""Events that wait to be read; a reader that far behind reads no more."""

GO_ON = (
    "Your last message was cut off by a fault, after the words that you see in it. "
    "Go on exactly where it stops, and repeat nothing of it."
)
"""What the next model is told for a reply that another has begun."""

Ask = Callable[[RealtimeSession], Awaitable[GenerationCreated]]


class Rules(Struct, frozen=True, kw_only=True):
    """How models follow each other."""

    regenerate: bool
    attempt_timeout: float


class FallbackSession(RealtimeSession):
    """See RealtimeSession: one conversation for its user, with one model's session at a time."""

    def __init__(
        self,
        model: RealtimeModel,
        models: Sequence[RealtimeModel],
        standby: Standby,
        rules: Rules,
        *,
        on_close: Callable[[FallbackSession], None],
    ) -> None:
        super().__init__(model)
        self._rules = rules
        self._on_close = on_close
        self._briefing = Briefing()
        self._changeover = Changeover(
            models, standby, self._briefing, self, attempt_timeout=rules.attempt_timeout
        )
        self._relayed: Relayed | None = None
        """The reply that is being given."""
        self._had_line = False
        self._events: Channel[RealtimeEvent] = Channel(MAX_EVENTS)
        self._owner = TaskOwner("realtime fallback")

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        self._owner.start(self._keep_a_model(), name="changeover")
        async for event in self._events:
            if isinstance(event, RealtimeError) and not event.recoverable:
                raise event.error
            yield event

    def note_recovery(self) -> None:
        """A model that had failed is well again."""
        self._changeover.bell.ring()

    async def connected(self) -> None:
        """See the base class."""
        changeover = self._changeover
        await changeover.bell.until(
            lambda: changeover.line is not None or changeover.failure is not None
        )

    async def aclose(self) -> None:
        """See the base class."""
        self._on_close(self)
        self._events.close()
        await self._owner.aclose()
        await self._changeover.aclose()

    # -- what it hears and sees ------------------------------------------------------

    def push_audio(self, frame: AudioFrame) -> None:
        """See the base class."""
        self._briefing.unheard.push(frame)
        if (session := self._session) is not None:
            session.push_audio(frame)

    def push_video(self, data: bytes, mime_type: str) -> None:
        """See the base class."""
        if (session := self._session) is not None:
            session.push_video(data, mime_type)

    def commit_audio(self) -> None:
        """See the base class."""
        self._briefing.unheard.ended()
        if (session := self._session) is not None:
            session.commit_audio()

    def clear_audio(self) -> None:
        """See the base class."""
        self._briefing.unheard.ended()
        self._briefing.unheard.answered()
        if (session := self._session) is not None:
            session.clear_audio()

    # -- what it says ----------------------------------------------------------------

    async def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
    ) -> GenerationCreated:
        """See the base class. Where a model does not begin in time, the next is asked."""
        return await self._ask(
            lambda session: session.generate_reply(
                instructions=instructions, tool_choice=tool_choice
            ),
            user_initiated=True,
        )

    async def say(self, text: str) -> GenerationCreated:
        """See the base class."""
        return await self._ask(lambda session: session.say(text), user_initiated=True)

    def interrupt(self) -> None:
        """See the base class."""
        if self._relayed is not None:
            self._relayed.interrupted()
        if (session := self._session) is not None:
            session.interrupt()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: tuple[Literal["text", "audio"], ...],
        audio_end: float,
        transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """See the base class."""
        heard = "" if isinstance(transcript, NotGiven) else transcript
        self._briefing.conversation.cut(message_id, heard)
        line, relayed = self._changeover.line, self._relayed
        if line is not None and relayed is not None and relayed.line is line:
            line.session.truncate(
                message_id=message_id,
                modalities=modalities,
                audio_end=audio_end,
                transcript=transcript,
            )

    # -- what it knows ---------------------------------------------------------------

    async def update_instructions(self, instructions: str) -> None:
        """See the base class."""
        self._briefing.instructions = instructions
        await self._tell(lambda session: session.update_instructions(instructions))

    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        """See the base class."""
        self._briefing.conversation.tell(chat_ctx)
        await self._tell(lambda session: session.update_chat_ctx(chat_ctx))

    async def update_tools(self, tools: list[Tool]) -> None:
        """See the base class."""
        self._briefing.tools = list(tools)
        await self._tell(lambda session: session.update_tools(tools))

    def update_options(self, *, tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN) -> None:
        """See the base class."""
        self._briefing.tool_choice = tool_choice
        if (session := self._session) is not None:
            session.update_options(tool_choice=tool_choice)

    # -- asking the model at work --------------------------------------------------------

    @property
    def _session(self) -> RealtimeSession | None:
        line = self._changeover.line
        return None if line is None else line.session

    async def _tell(self, told: Callable[[RealtimeSession], Awaitable[None]]) -> None:
        """Tell the model at work; one that fails at it is replaced, and the next is told all."""
        line = self._changeover.line
        if line is None:
            return
        try:
            await within(now() + self._rules.attempt_timeout, line.unless_over(told(line.session)))
        except (APIError, TimeoutError) as error:
            line.fail(_as_api_error(error, line))

    async def _ask(self, ask: Ask, *, user_initiated: bool) -> GenerationCreated:
        asked: set[int] = set()
        while True:
            line = await self._changeover.usable()
            try:
                began = await within(
                    now() + self._rules.attempt_timeout, line.unless_over(ask(line.session))
                )
            except (APIError, TimeoutError) as error:
                failure = _as_api_error(error, line)
                if _is_askers_fault(failure):
                    raise failure from error
                line.fail(failure)
                if line.number in asked:
                    raise failure from error
                asked.add(line.number)
            else:
                return self._relay(line, began, user_initiated=user_initiated)

    def _relay(
        self, line: Line, generation: GenerationCreated, *, user_initiated: bool
    ) -> GenerationCreated:
        self._briefing.unheard.answered()
        self._relayed = Relayed(
            line, generation, self._briefing.conversation, on_end=self._changeover.bell.ring
        )
        return self._relayed.generation(user_initiated=user_initiated)

    # -- for the changeover: see Watcher -----------------------------------------------------

    def is_quiet(self) -> bool:
        """See Watcher."""
        gives = self._relayed is not None and not self._relayed.ended
        return not (gives or self._briefing.unheard.is_owed)

    def takes_over(self, line: Line) -> None:
        """See Watcher. What the last model owed, this one gives."""
        cut, self._relayed = self._relayed, None
        owed = self._owed(cut)
        self._briefing.let_hear(line.session)
        if self._had_line:
            self._deliver(SessionReconnected())
        self._had_line = True
        if owed:
            began = cut is not None and cut.said_something
            self._owner.start(self._go_on(began), name="go on")

    def has_told(self, line: Line, event: RealtimeEvent) -> None:
        """See Watcher. What a line tells that is not at work concerns nobody."""
        if line is not self._changeover.line:
            return
        unheard = self._briefing.unheard
        match event:
            case InputSpeechStarted():
                unheard.began()
            case InputSpeechStopped():
                unheard.ended()
            case InputTranscriptionCompleted(is_final=True):
                self._briefing.conversation.heard(event.item_id, event.transcript)
                unheard.understood()
            case GenerationCreated(user_initiated=True):
                return  # whoever asked for it was given it
            case GenerationCreated():
                event = self._relay(line, event, user_initiated=False)
        self._deliver(event)

    def measured(self, metrics: object) -> None:
        """See Watcher."""
        self.emit("metrics_collected", metrics)

    # -- what comes of it ----------------------------------------------------------------

    async def _keep_a_model(self) -> None:
        try:
            await self._changeover.run()
        except APIError as error:
            self._deliver(RealtimeError(error=error, recoverable=False))

    def _owed(self, cut: Relayed | None) -> bool:
        """Whether the model that takes over is to speak unasked."""
        if not self._rules.regenerate:
            return False
        if cut is not None and cut.is_owed:
            return True
        return self._briefing.unheard.reply_owed and self.model.capabilities.turn_detection

    async def _go_on(self, began: bool) -> None:
        """Have the model say what another has begun, or was about to."""
        told = f"{self._briefing.instructions}\n\n{GO_ON}" if began else NOT_GIVEN
        try:
            generation = await self._ask(
                lambda session: session.generate_reply(instructions=told), user_initiated=False
            )
        except APIError as error:
            self._deliver(RealtimeError(error=error, recoverable=True))
        else:
            self._deliver(generation)

    def _deliver(self, event: Any) -> None:
        if not self._events.closed:
            self._events.send_nowait(event)


def _as_api_error(error: Exception, line: Line) -> APIError:
    if isinstance(error, APIError):
        return error
    return APITimeoutError(f"{line.session.model.label} did not answer in time")


def _is_askers_fault(error: APIError) -> bool:
    """Whether another model would refuse it too: the request is wrong, not the service."""
    return isinstance(error, APIStatusError) and error.status_code in (400, 413, 422)
