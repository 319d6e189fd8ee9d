"""AgentSession: one conversation, from its start to its close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Sequence
from pathlib import Path
from typing import Any, Self, Unpack, cast

import msgspec

from agentd.aio.timing import now
from agentd.audio.frame import AudioFrame
from agentd.errors import SessionError
from agentd.given import NOT_GIVEN, NotGiven, NotGivenOr, is_given, only_given
from agentd.inference.names import named_model
from agentd.io.attached import AgentInput, AgentOutput
from agentd.io.base import VideoFrame
from agentd.llm.chat import ChatContext, ReadOnlyChatContext
from agentd.llm.clean_text import clean
from agentd.llm.events import ToolChoice
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatMessage
from agentd.llm.toolset import ToolContext
from agentd.metrics.usage import AgentSessionUsage
from agentd.recording.options import Record
from agentd.stt.base import STT
from agentd.tokenize.transforms import TextTransform, TransformName
from agentd.tts.base import TTS
from agentd.vad import VAD

from .agent import Agent
from .agent_base import AgentBase, AnyTool, LanguageModel
from .dtmf import DtmfEvent, dial, keys
from .engine.engine import Engine, EngineConfig
from .engine.lifetime import Lifetime
from .engine.speaker import ReplyRequest
from .events import (
    CloseEvent,
    CloseReason,
    OutputDegradedEvent,
    RecordingFailedEvent,
    SipDtmfReceivedEvent,
)
from .face import BaseSession, UserdataT
from .models import Models
from .options import (
    DeadAirOptions,
    DeprecatedKeywords,
    InputModality,
    OutageOptions,
    SessionConnectOptions,
    SessionOptions,
    ToolHandlingOptions,
    prepared,
)
from .room_link import RoomLink, RoomWishes
from .run_result import Run, RunResult
from .speech import SpeechHandle
from .structured import ask_for_output, check_output
from .turns.actions import AgentState, UserState
from .turns.deprecated import turn_handling_from_keywords
from .turns.inputs import ManualClear, ManualCommit, ParticipantPresent, UserActive
from .turns.options import EndpointingOptions, TurnDetectionMode, TurnHandlingOptions
from .video_sampler import VideoSampler, VoiceActivityVideoSampler

logger = logging.getLogger("agentd.voice")


class AgentSession(BaseSession[UserdataT]):
    """A conversation between a user and agents, one of which has the word at a time.

    Without a room it works as well: fill `input` and `output`, or use `run` and texts alone.

    Args:
        stt, vad, llm, tts: Models of all agents that have none of their own.
        turn_handling: When the user's turn is over, when he interrupts.
        tools: What every agent may do, beside its own tools.
        tool_handling: How tools are run.
        max_tool_steps: Rounds of tool calls in one reply.
        use_tts_aligned_transcript: Make the transcript of the words whose times the TTS tells.
        tts_text_transforms: What is done to text before it is spoken.
        min_consecutive_speech_delay: Seconds between two speeches.
        userdata: What the user's code keeps with the session.
        aec_warmup_duration: Seconds from the first speech on in which what is heard is its echo.
        user_away_timeout: Seconds of silence until the user counts as away; None never.
        transcription_timeout: Seconds until speech without a transcript is told; None never.
        session_close_transcript_timeout: Seconds that a last turn has for its transcript.
        conn_options: What a model's call may cost, and how many may fail in a row.
        dead_air: What is done when the agent owes speech and none is heard; ours.
        on_outage: What is said, and how long is waited, while a model's service is out; ours.
            Raises AudioError for a clip that can't be read.
        video_sampler: Which pictures of the video input are looked at; None all. By default one a
            second while the user speaks, and one in three seconds else.
        expressive, stt_context_options, ivr_detection, loop: Accepted, and without effect.
        deprecated: Keywords of older versions that `turn_handling` has taken the place of.
    """

    def __init__(  # noqa: PLR0913 - the keywords are livekit-agents'
        self,
        *,
        stt: NotGivenOr[STT | str | None] = NOT_GIVEN,
        vad: NotGivenOr[VAD | None] = NOT_GIVEN,
        llm: NotGivenOr[LanguageModel | str | None] = NOT_GIVEN,
        tts: NotGivenOr[TTS | str | None] = NOT_GIVEN,
        turn_handling: NotGivenOr[TurnHandlingOptions] = NOT_GIVEN,
        stt_context_options: Any = None,
        tools: Sequence[AnyTool] | None = None,
        tool_handling: ToolHandlingOptions | None = None,
        max_tool_steps: int = 3,
        use_tts_aligned_transcript: NotGivenOr[bool] = NOT_GIVEN,
        tts_text_transforms: Sequence[TransformName | TextTransform] | None = None,
        min_consecutive_speech_delay: float = 0.0,
        expressive: Any = False,
        userdata: NotGivenOr[UserdataT] = NOT_GIVEN,
        video_sampler: NotGivenOr[VideoSampler | None] = NOT_GIVEN,
        aec_warmup_duration: float | None = 3.0,
        ivr_detection: bool = False,
        user_away_timeout: float | None = 15.0,
        transcription_timeout: float | None = None,
        session_close_transcript_timeout: float = 2.0,
        conn_options: SessionConnectOptions | None = None,
        dead_air: DeadAirOptions | None = None,
        on_outage: OutageOptions | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        **deprecated: Unpack[DeprecatedKeywords],
    ) -> None:
        super().__init__()
        self._models = Models(
            stt=named_model("stt", stt or None),
            vad=None if isinstance(vad, NotGiven) else vad,
            llm=named_model("llm", llm or None),
            tts=named_model("tts", tts or None),
        )
        self._options = SessionOptions(
            turn_handling=turn_handling_from_keywords(deprecated, turn_handling),
            tool_handling=tool_handling or {},
            max_tool_steps=max_tool_steps,
            use_tts_aligned_transcript=bool(use_tts_aligned_transcript),
            tts_text_transforms=tts_text_transforms,
            min_consecutive_speech_delay=min_consecutive_speech_delay,
            user_away_timeout=user_away_timeout,
            aec_warmup_duration=aec_warmup_duration,
            transcription_timeout=transcription_timeout,
            session_close_transcript_timeout=session_close_transcript_timeout,
            conn_options=conn_options or SessionConnectOptions(),
            dead_air=dead_air or DeadAirOptions(),
            on_outage=prepared(on_outage or OutageOptions()),
            ivr_detection=ivr_detection,
            video_sampler=(
                VoiceActivityVideoSampler()
                if isinstance(video_sampler, NotGiven)
                else video_sampler
            ),
        )
        ToolContext(tools or ())  # raises ValueError for two tools of one name
        self._tools: list[AnyTool] = list(tools or ())
        self._input, self._output = AgentInput(), AgentOutput()
        self._kept = _Kept(self, self._make_engine, userdata)
        self._life = Lifetime(self._kept, self)

    # -- what it is ------------------------------------------------------------------------

    @property
    def userdata(self) -> UserdataT:
        """See BaseSession."""
        if isinstance(self._kept.userdata, NotGiven):
            raise SessionError("the session has no userdata: give it AgentSession(userdata=...)")
        return cast("UserdataT", self._kept.userdata)

    @userdata.setter
    def userdata(self, value: UserdataT) -> None:
        self._kept.userdata = value
        self._life.changed()

    @property
    def history(self) -> ChatContext:
        """See BaseSession."""
        return ReadOnlyChatContext(self._kept.history)

    @property
    def usage(self) -> AgentSessionUsage:
        """What the models have used so far."""
        return self._engine.metering.usage if self._engine is not None else AgentSessionUsage()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not been closed."""
        return self._engine is not None

    @property
    def current_agent(self) -> Agent:
        """See BaseSession."""
        return self._at_work().activity.agent

    @property
    def current_speech(self) -> SpeechHandle | None:
        """See BaseSession."""
        current = self._engine.mouth.current if self._engine is not None else None
        return current.handle if current is not None else None

    @property
    def user_state(self) -> UserState:
        """See BaseSession."""
        return self._engine.states.user if self._engine is not None else "listening"

    @property
    def agent_state(self) -> AgentState:
        """See BaseSession."""
        return self._engine.states.agent if self._engine is not None else "initializing"

    @property
    def input(self) -> AgentInput:
        """See BaseSession."""
        return self._input

    @property
    def latest_video_frame(self) -> VideoFrame | None:
        """See BaseSession."""
        return self._engine.eyes.latest if self._engine is not None else None

    @property
    def output(self) -> AgentOutput:
        """See BaseSession."""
        return self._output

    @property
    def options(self) -> SessionOptions:
        """See BaseSession."""
        return self._options

    @property
    def conn_options(self) -> SessionConnectOptions:
        """What a model's call may cost."""
        return self._options.conn_options

    @property
    def tools(self) -> list[AnyTool]:
        """See BaseSession."""
        return list(self._tools)

    @property
    def stt(self) -> STT | None:
        """Of the agents that have none of their own; the next three likewise."""
        return self._models.stt

    @property
    def vad(self) -> VAD | None:
        return self._models.vad

    @property
    def llm(self) -> LanguageModel | None:
        return self._models.llm

    @property
    def tts(self) -> TTS | None:
        return self._models.tts

    @property
    def room_io(self) -> RoomLink:
        """The room's side; raises SessionError where there is none."""
        if self._life.room_link is None:
            raise SessionError("the session has no room")
        return self._life.room_link

    @property
    def recording(self) -> Path | None:
        """The file that the session is recorded to, whole after its close; None for none."""
        return self._life.recorder.path if self._life.recorder is not None else None

    # -- start and end ---------------------------------------------------------------------

    async def start(  # noqa: PLR0913 - the keywords are livekit-agents'
        self,
        agent: Agent,
        *,
        room: Any = NOT_GIVEN,
        room_options: Any = NOT_GIVEN,
        room_input_options: Any = NOT_GIVEN,
        room_output_options: Any = NOT_GIVEN,
        capture_run: bool = False,
        session_host: Any = NOT_GIVEN,
        record: NotGivenOr[Record] = NOT_GIVEN,
    ) -> RunResult[Any] | None:
        """Begin with an agent; returns when it listens.

        With a room the job joins it, and inputs and outputs that are empty are filled. With
        `capture_run` the result of what the agent does first is returned. A second call while it
        runs does nothing. `record` names a .wav or .ogg file for both sides, the user left and the
        agent right; True is one in the job's `session_directory`. Raises what a toolset's `setup`
        raises, and `rtc.ConnectError`; then the session is closed. `session_host` is accepted, and
        without effect.
        """
        if self._engine is not None:
            return None
        run = Run() if capture_run else None
        wishes = RoomWishes(
            room=room or None,
            options=room_options or None,
            input_options=room_input_options or None,
            output_options=room_output_options or None,
        )
        await self._life.start(agent, wishes, run, record or None)
        return run.result if run is not None else None

    async def drain(self) -> None:
        """See BaseSession."""
        await self._at_work().switchboard.drain()

    async def aclose(self) -> None:
        """See BaseSession."""
        await self._life.close(CloseReason.USER_INITIATED, drain=False)

    def shutdown(self, *, drain: bool = True, delete_room: bool = False) -> None:
        """See BaseSession."""
        self._life.deletes_room = self._life.deletes_room or delete_room
        self._life.begin_close(CloseReason.USER_INITIATED, drain=drain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # -- what it says ----------------------------------------------------------------------

    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        audio: NotGivenOr[AsyncIterable[AudioFrame]] = NOT_GIVEN,
        allow_interruptions: NotGivenOr[bool] = NOT_GIVEN,
        add_to_chat_ctx: bool = True,
    ) -> SpeechHandle:
        """See BaseSession."""
        return self._at_work().activity.speaker.say(
            text,
            audio=None if isinstance(audio, NotGiven) else audio,
            allow_interruptions=allow_interruptions,
            add_to_chat_ctx=add_to_chat_ctx,
        )

    def generate_reply(
        self,
        *,
        user_input: NotGivenOr[str | ChatMessage] = NOT_GIVEN,
        instructions: NotGivenOr[str | Instructions] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        tools: NotGivenOr[list[str]] = NOT_GIVEN,
        allow_interruptions: NotGivenOr[bool] = NOT_GIVEN,
        chat_ctx: NotGivenOr[ChatContext] = NOT_GIVEN,
        input_modality: InputModality = "text",
    ) -> SpeechHandle:
        """See BaseSession."""
        request = ReplyRequest(
            user_message=None if isinstance(user_input, NotGiven) else _as_message(user_input),
            instructions=None if isinstance(instructions, NotGiven) else instructions,
            tool_choice=tool_choice,
            tools=tools if is_given(tools) else None,
            allow_interruptions=allow_interruptions,
            chat_ctx=chat_ctx if is_given(chat_ctx) else None,
            modality=input_modality,
        )
        return self._at_work().activity.speaker.generate_reply(request)

    def interrupt(self, *, force: bool = False) -> asyncio.Future[None]:
        """See BaseSession."""
        engine = self._at_work()
        cut = engine.interrupt(force=force)

        async def wait() -> None:
            for speech in cut:
                await speech.wait()

        waiting = wait()
        try:
            return engine.owner.start(waiting, name="interrupt")
        except RuntimeError:  # its tasks are being ended, and so is all that it says
            waiting.close()
            return _done()

    def run(
        self,
        *,
        user_input: str,
        input_modality: InputModality = "text",
        output_type: type | None = None,
    ) -> RunResult[Any]:
        """See BaseSession."""
        engine = self._at_work()
        run = self._begin_run(engine)
        handle = self.generate_reply(user_input=user_input, input_modality=input_modality)
        if output_type is not None:
            work = self._settle_output(engine, run, handle, output_type)
            run.watch(engine.owner.start(work, name="output", report=False))
        return run.result

    # -- turns -----------------------------------------------------------------------------

    def commit_user_turn(
        self,
        *,
        transcript_timeout: float = 2.0,
        stt_flush_duration: float = 2.0,
        skip_reply: bool = False,
    ) -> asyncio.Future[str]:
        """See BaseSession."""
        engine = self._at_work()
        engine.orders.flush_duration = stt_flush_duration
        answered = engine.manual.ask()
        engine.feed(
            ManualCommit(at=now(), transcript_timeout=transcript_timeout, skip_reply=skip_reply)
        )
        return answered

    def clear_user_turn(self) -> None:
        """See BaseSession."""
        self._at_work().feed(ManualClear(at=now()))

    def reset_away_timer(self) -> None:
        """See BaseSession."""
        self._at_work().feed(UserActive(at=now()))

    # -- changes ---------------------------------------------------------------------------

    def update_agent(self, agent: AgentBase) -> None:
        """See BaseSession."""
        self._at_work().switchboard.hand_over(agent)

    async def send_dtmf(self, events: str | Sequence[DtmfEvent]) -> None:
        """See BaseSession."""
        await dial(self.room_io, keys(events))

    async def update_tools(self, tools: Sequence[AnyTool]) -> None:
        """See BaseSession."""
        ToolContext(tools)
        if self._engine is not None:
            await self._engine.toolsets.follow(tools)
        self._tools[:] = tools

    def update_options(
        self,
        *,
        endpointing_opts: NotGivenOr[EndpointingOptions] = NOT_GIVEN,
        turn_detection: NotGivenOr[TurnDetectionMode | None] = NOT_GIVEN,
        keyterms: Any = NOT_GIVEN,
        expressive: Any = NOT_GIVEN,
    ) -> None:
        """Change how turns are taken, at once. Keyterms and expressive are without effect."""
        wanted = only_given(endpointing=endpointing_opts, turn_detection=turn_detection)
        turn_handling = cast("TurnHandlingOptions", {**self._options.turn_handling, **wanted})
        self._options = msgspec.structs.replace(self._options, turn_handling=turn_handling)
        if self._engine is not None:
            self._engine.update_options(self._options)

    async def wait_for_idle(self) -> None:
        """See BaseSession."""
        engine = self._at_work()
        await engine.floor.bell.until(lambda: self._life.closing is not None or engine.is_idle())
        if self._life.closing is not None:
            raise SessionError("the session is closing")

    # -- for the room (see agentd.io.session_side) -------------------------------------------

    def take_text(self, text: str) -> asyncio.Future[None]:
        """The user has written: answer, instead of what is being said."""
        engine = self._engine
        if engine is None or self._life.closing is not None:
            return _done()
        engine.feed(UserActive(at=now()))
        return engine.owner.start(self._answer_text(text), name="written text")

    async def _answer_text(self, text: str) -> None:
        await self._life.wait_until_begun()
        try:
            self.interrupt()
            await self.generate_reply(user_input=text)
        except SessionError as error:
            logger.warning(
                "what the user wrote is not answered",
                extra={"action": "text_unanswered", "reason": str(error)},
            )

    def audience_present(self, present: bool) -> None:
        """Whether somebody can hear the agent."""
        if self._engine is not None:
            self._engine.feed(ParticipantPresent(at=now(), present=present))

    def key_pressed(self, digit: str, code: int, identity: str) -> None:
        """The user has pressed a key of the telephone."""
        if self._engine is not None:
            self._engine.feed(UserActive(at=now()))
            event = SipDtmfReceivedEvent(digit=digit, code=code, participant_identity=identity)
            self.emit(event.type, event)

    def participant_left(self, identity: str, reason: str) -> None:
        """The linked participant has left for good."""
        logger.info(
            "the participant has left: the session closes",
            extra={"action": "participant_left", "participant": identity, "reason": reason},
        )
        self._life.begin_close(CloseReason.PARTICIPANT_DISCONNECTED, drain=False)

    def room_lost(self) -> None:
        """The room is gone for good, and everybody with it."""
        logger.info("the room is gone: the session closes", extra={"action": "room_lost"})
        self._life.room_lost()

    def audio_lost(self, reason: str) -> None:
        """The room's audio can't be used any more: go on with text."""
        lost = "audio_output" if self._output.audio is None else "audio_input"
        self.emit(
            OutputDegradedEvent.type,
            OutputDegradedEvent(lost=lost, reason=reason),  # type: ignore[arg-type]  # one of two
        )

    def video_lost(self, reason: str) -> None:
        """The agent can't be seen any more: go on with audio."""
        event = OutputDegradedEvent(lost="video_output", reason=reason)
        self.emit(event.type, event)

    # -- inside ----------------------------------------------------------------------------

    @property
    def _engine(self) -> Engine | None:
        return self._life.engine

    def _at_work(self) -> Engine:
        if self._engine is None:
            raise SessionError("the session does not run: await session.start(agent) first")
        return self._engine

    def _make_engine(self) -> Engine:
        return Engine(
            EngineConfig(
                session=self,
                models=self._models,
                options=self._options,
                tools=self._tools,
                input=self._input,
                output=self._output,
                history=self._kept.history,
                changed=self._life.changed,
                give_up=self._life.give_up,
            )
        )

    async def _settle_output(
        self, engine: Engine, run: Run, handle: SpeechHandle, output_type: type
    ) -> None:
        """Give a run an output of a type: a task's result, or what the model says it is."""
        await handle
        await engine.floor.bell.until(engine.is_idle)
        if run.has_output:
            check_output(run.output, output_type)
            return
        llm = engine.activity.setting.models.chat_llm
        if llm is None:
            raise SessionError("there is no language model that could give the output")
        run.output = await ask_for_output(
            llm,
            engine.activity.agent.chat_ctx,
            output_type,
            self._options.conn_options.llm_conn_options,
        )

    def _begin_run(self, engine: Engine) -> Run:
        if engine.log.run is not None and not engine.log.run.done:
            raise SessionError("another run is under way: await its result first")
        engine.log.run = Run()
        return engine.log.run


class _Kept:
    """What outlives a start and a close; see `lifetime.Kept`."""

    def __init__(
        self,
        session: BaseSession[Any],
        make_engine: Callable[[], Engine],
        userdata: NotGivenOr[Any],
    ) -> None:
        self._session = session
        self._make_engine = make_engine
        self.userdata = userdata
        self.history = ChatContext.empty()

    def make_engine(self) -> Engine:
        return self._make_engine()

    def emit(self, event: CloseEvent | RecordingFailedEvent) -> None:
        self._session.emit(event.type, event)


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _as_message(user_input: str | ChatMessage) -> ChatMessage:
    if isinstance(user_input, ChatMessage):
        return user_input
    return ChatMessage(role="user", content=[clean(user_input)])
