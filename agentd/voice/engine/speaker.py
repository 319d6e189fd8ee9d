"""Makes one agent speak: what is said, what is generated, and the answers to turns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Sequence
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame
from agentd.errors import APIConnectionError, SessionError
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatMessage, FunctionCall
from agentd.llm.toolset import ToolContext
from agentd.realtime.events import GenerationCreated
from agentd.tracing import NOTHING, Span
from agentd.voice.agent import Agent, is_overridden
from agentd.voice.events import SpeechCreatedEvent
from agentd.voice.models import Setting
from agentd.voice.options import InputModality
from agentd.voice.replies.prompting import choose_tools, render
from agentd.voice.replies.realtime_link import RealtimeLink
from agentd.voice.replies.realtime_reply import Begin, RealtimePlan, RealtimeReply, given
from agentd.voice.replies.reply import Reply, ReplyPlan
from agentd.voice.replies.reply_pass import ReplyPass
from agentd.voice.replies.saying import Saying
from agentd.voice.scope import current_scope, leave_scope
from agentd.voice.speech import InputDetails, Speech, SpeechHandle, SpeechSource
from agentd.voice.tools.builtin import with_builtin
from agentd.voice.tools.work import Work
from agentd.voice.turns.actions import CommitTurn, TurnTiming

from .core import Core
from .turn_taker import turn_to_answer


class ReplyRequest:
    """What `generate_reply` was asked for."""

    def __init__(  # noqa: PLR0913 - the keywords are livekit-agents'
        self,
        *,
        user_message: ChatMessage | None = None,
        instructions: str | Instructions | None = None,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        tools: Sequence[str] | None = None,
        allow_interruptions: NotGivenOr[bool] = NOT_GIVEN,
        chat_ctx: ChatContext | None = None,
        modality: InputModality = "text",
        turn_id: int | None = None,
        timing: TurnTiming | None = None,
        user_initiated: bool = True,
        source: SpeechSource = "generate_reply",
    ) -> None:
        self.user_message = user_message
        self.instructions = instructions
        self.tool_choice = tool_choice
        self.tools = tools
        self.allow_interruptions = allow_interruptions
        self.chat_ctx = chat_ctx
        self.modality = modality
        self.turn_id = turn_id
        self.timing = timing
        self.user_initiated = user_initiated
        self.source = source


class Speaker:
    """One agent's speeches, from its entering to its leaving."""

    def __init__(
        self,
        core: Core,
        agent: Agent,
        owner: TaskOwner,
        *,
        setting: Callable[[], Setting],
        link: Callable[[], RealtimeLink | None],
    ) -> None:
        """`link` gives the realtime model's session, where there is one."""
        self._core = core
        self._agent = agent
        self._setting = setting
        self._link = link
        self._owner = owner
        self._speeches: dict[str, Speech] = {}
        self._requests: dict[str, ReplyRequest] = {}
        """What the speeches that are replies were asked for by, by their ids."""
        self._closing = False

    @property
    def speeches(self) -> list[Speech]:
        """Those that are not over."""
        return list(self._speeches.values())

    def begin_closing(self) -> None:
        """Say nothing new, but for what the agent's own tools and `on_exit` ask for."""
        self._closing = True

    def tools(self, names: Sequence[str] | None = None, *, entering: bool = False) -> ToolContext:
        """The tools that it has now, or those of these names."""
        every = [*self._core.tools, *self._agent.tools]
        return choose_tools(
            with_builtin(every, self._core.bench.runner), names=names, entering=entering
        )

    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        audio: AsyncIterable[AudioFrame] | None = None,
        allow_interruptions: NotGivenOr[bool] = NOT_GIVEN,
        add_to_chat_ctx: bool = True,
    ) -> SpeechHandle:
        """See BaseSession. Raises SessionError where there is nothing to speak with."""
        setting = self._setting()
        self._refuse_if_closing()
        output = self._core.bench.output
        has_voice = setting.models.tts is not None or is_overridden(self._agent, "tts_node")
        if output.active_audio is not None and not has_voice and audio is None:
            return self._say_by_model(text, allow_interruptions)
        speech = self._make("say", allow_interruptions, InputDetails(modality="text"))
        work = Saying(
            self._core.bench,
            self._agent,
            setting,
            speech,
            text,
            audio=audio,
            add_to_chat_ctx=add_to_chat_ctx,
        )
        return self._begin(speech, work, work.run(), user_initiated=True)

    def announce(
        self, text: str, *, clip: AsyncIterable[AudioFrame] | None = None, aloud: bool = True
    ) -> SpeechHandle:
        """Say something about the session itself, which is no part of the conversation.

        By the clip, or by the TTS; without `aloud`, and where there is neither, in writing. Raises
        SessionError where the agent is leaving.
        """
        self._refuse_if_closing()
        speech = self._make("say", True, InputDetails(modality="text"))
        work = Saying(
            self._core.bench,
            self._agent,
            self._setting(),
            speech,
            text,
            audio=clip,
            add_to_chat_ctx=False,
            aloud=aloud,
        )
        return self._begin(speech, work, work.run(), user_initiated=False, owed=False)

    def generate_reply(self, request: ReplyRequest) -> SpeechHandle:
        """See BaseSession. Raises SessionError where there is no model."""
        setting = self._setting()
        self._refuse_if_closing()
        if setting.models.llm is None and not is_overridden(self._agent, "llm_node"):
            raise SessionError("there is no language model: give the session or the agent an llm=")
        if self._link() is not None:
            return self._reply_by_model(request)
        told = request.chat_ctx
        return self._reply(request, told.copy() if told is not None else None)

    def reply_to_turn(
        self, turn: CommitTurn, chat_ctx: ChatContext, prepared: ReplyPass | None
    ) -> SpeechHandle:
        """Answer a turn; raises SessionError where it can't be."""
        setting = self._setting()
        self._refuse_if_closing()
        if setting.models.llm is None and not is_overridden(self._agent, "llm_node"):
            raise SessionError("there is no language model")
        request = ReplyRequest(
            modality="audio", turn_id=turn.turn_id, timing=turn.timing, user_initiated=False
        )
        link = self._link()
        if link is not None:
            link.session.commit_audio()
            return self._reply_by_model(request)
        return self._reply(request, chat_ctx, prepared)

    def model_replies(self, generation: GenerationCreated) -> SpeechHandle:
        """The realtime model has begun to speak by itself; raises SessionError when leaving."""
        self._refuse_if_closing()
        request = ReplyRequest(modality="audio", user_initiated=False)
        return self._reply_by_model(request, given(generation))

    def redo(self, calls: Sequence[FunctionCall]) -> SpeechHandle:
        """Make calls that an earlier process had begun, and say what comes of them."""
        return self._reply(ReplyRequest(user_initiated=False, modality="audio"), None, calls=calls)

    # -- inside ------------------------------------------------------------------------

    def _reply(
        self,
        request: ReplyRequest,
        chat_ctx: ChatContext | None,
        prepared: ReplyPass | None = None,
        *,
        calls: Sequence[FunctionCall] = (),
    ) -> SpeechHandle:
        scope = current_scope.get()
        entering = scope is not None and scope.kind == "on_enter"
        choice = request.tool_choice
        if not is_given(choice) and scope is not None and scope.kind == "tool":
            choice = "none"
        speech = self._asked_for(request)
        plan = ReplyPlan(
            agent=self._agent,
            setting=self._setting(),
            chat_ctx=chat_ctx,
            user_message=request.user_message,
            tools=lambda: self.tools(request.tools, entering=entering),
            tool_choice=choice,
            instructions=request.instructions,
            modality=request.modality,
            timing=request.timing,
            asked_by=scope.call if scope is not None else None,
        )
        work = Reply(self._core.bench, plan, speech, prepared=prepared, calls=calls)
        return self._begin(
            speech,
            work,
            work.run(),
            user_initiated=request.user_initiated,
            turn=prepared.turn if prepared is not None else NOTHING,
        )

    def _asked_for(self, request: ReplyRequest) -> Speech:
        speech = self._make(
            request.source,
            request.allow_interruptions,
            InputDetails(modality=request.modality),
            turn_id=request.turn_id,
        )
        self._requests[speech.id] = request
        return speech

    def _reply_by_model(self, request: ReplyRequest, begin: Begin | None = None) -> SpeechHandle:
        link = self._link()
        assert link is not None
        instructions: NotGivenOr[str] = NOT_GIVEN
        if request.instructions is not None:
            instructions = render(request.instructions, request.modality)

        async def ask() -> GenerationCreated:
            if link.failed:
                raise APIConnectionError(f"{link.model.label}: its session has failed")
            return await link.session.generate_reply(
                instructions=instructions, tool_choice=request.tool_choice
            )

        speech = self._asked_for(request)
        plan = RealtimePlan(
            agent=self._agent,
            setting=self._setting(),
            link=link,
            tools=self.tools,
            begin=begin or ask,
            user_message=request.user_message,
        )
        work = RealtimeReply(self._core.bench, plan, speech)
        return self._begin(speech, work, work.run(), user_initiated=request.user_initiated)

    def _say_by_model(
        self, text: str | AsyncIterable[str], allow_interruptions: NotGivenOr[bool]
    ) -> SpeechHandle:
        link = self._link()
        if link is None or not link.model.capabilities.supports_say or not isinstance(text, str):
            raise SessionError("there is nothing to speak with: give a tts=, or audio= with say()")
        request = ReplyRequest(source="say", allow_interruptions=allow_interruptions)
        return self._reply_by_model(request, lambda: link.session.say(text))

    def _make(
        self,
        source: SpeechSource,
        allow_interruptions: NotGivenOr[bool],
        details: InputDetails,
        *,
        turn_id: int | None = None,
    ) -> Speech:
        interruption = self._setting().turn_handling.get("interruption") or {}
        allowed = (
            allow_interruptions
            if is_given(allow_interruptions)
            else interruption.get("enabled", True)
        )
        return Speech(
            source=source,
            allow_interruptions=allowed,
            input_details=details,
            turn_id=turn_id if turn_id is not None else turn_to_answer(),
        )

    def _begin(
        self,
        speech: Speech,
        work: Work,
        run: Coroutine[Any, Any, None],
        *,
        user_initiated: bool,
        owed: bool = True,
        turn: Span = NOTHING,
    ) -> SpeechHandle:
        """Without `owed` nothing is done about it where it is not heard. `turn` is its span, where
        it was begun ahead."""
        core, trace = self._core, self._core.bench.trace
        turn = turn if turn.is_recorded else trace.agent_turn(self._agent)
        trace.carry(speech, turn, modality=speech.input_details.modality)
        self._speeches[speech.id] = speech
        speech.add_done_callback(self._after)
        core.speeches.add(speech, core.bench.mouth, work)
        if owed:
            core.watchdog.watch(speech, work)
        if core.bench.log.run is not None:
            core.bench.log.run.watch_speech(speech.handle)
        core.emit(
            SpeechCreatedEvent(
                user_initiated=user_initiated, source=speech.source, speech_handle=speech.handle
            )
        )
        try:
            speech.start(self._owner, _unscoped(run, speech))
        except RuntimeError as error:  # its tasks are being ended
            run.close()
            speech.finish()
            raise SessionError(f"the agent '{self._agent.id}' has left") from error
        return speech.handle

    def _after(self, handle: SpeechHandle) -> None:
        speech = self._speeches.pop(handle.id, None)
        request = self._requests.pop(handle.id, None)
        was_heard = any(isinstance(item, ChatMessage) for item in handle.chat_items)
        # Given text that fails is its giver's: he has the handle.
        if self._closing or speech is None or speech.source == "say":
            return
        if handle.exception() is None:
            if was_heard:
                self._core.outages.answered()
        elif not was_heard and not self._core.outages.reply_failed(lambda: self._again(request)):
            self._core.watchdog.apologise()

    def _again(self, request: ReplyRequest | None) -> bool:
        """Make a reply that has failed anew; whether that can be. What it answers is in the history
        already."""
        if request is None:
            return False
        try:
            self.generate_reply(
                ReplyRequest(
                    instructions=request.instructions,
                    tool_choice=request.tool_choice,
                    tools=request.tools,
                    allow_interruptions=request.allow_interruptions,
                    modality=request.modality,
                    user_initiated=False,
                    source=request.source,
                )
            )
        except SessionError:  # the agent has left, or is leaving
            return False
        return True

    def _refuse_if_closing(self) -> None:
        scope = current_scope.get()
        own = scope is not None and scope.agent is self._agent
        if self._closing and not own:
            raise SessionError(f"the agent '{self._agent.id}' is leaving: it says nothing new")


async def _unscoped(work: Coroutine[Any, Any, None], speech: Speech) -> None:
    leave_scope()
    with speech.span.current():
        await work
