"""Agent: who the user talks to. Hooks and nodes to be overridden, with the defaults behind them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, Unpack, cast

from agentd.audio.frame import AudioFrame
from agentd.errors import SessionError
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.inference.names import named_model
from agentd.llm.chat import ChatContext
from agentd.llm.events import ChatChunk
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatMessage
from agentd.llm.tools import Tool
from agentd.stt.base import STT
from agentd.stt.events import SpeechEvent
from agentd.tts.base import TTS
from agentd.tts.events import SynthesizedAudio
from agentd.vad import VAD

from .agent_base import AgentBase, AgentListener, AnyTool, LanguageModel, Overrides, book_of
from .default_nodes import FlushSentinel, ModelSettings
from .default_nodes import llm_node as default_llm_node
from .default_nodes import realtime_audio_output_node as default_realtime_audio_output_node
from .default_nodes import stt_node as default_stt_node
from .default_nodes import transcription_node as default_transcription_node
from .default_nodes import tts_node as default_tts_node
from .events import UserTurnExceededEvent
from .face import BaseSession
from .models import Setting
from .options import DeprecatedKeywords, ToolHandlingOptions
from .resume import ResumeContext
from .scope import Scope
from .turns.deprecated import turn_handling_from_keywords
from .turns.options import TurnHandlingOptions

LLMPiece: TypeAlias = ChatChunk | str | FlushSentinel
LLMNodeResult: TypeAlias = (
    AsyncIterable[LLMPiece] | Coroutine[Any, Any, AsyncIterable[LLMPiece] | str | ChatChunk | None]
)
STTNodeResult: TypeAlias = (
    AsyncIterable[SpeechEvent | str] | Coroutine[Any, Any, AsyncIterable[SpeechEvent | str] | None]
)
TTSPiece: TypeAlias = AudioFrame | SynthesizedAudio
TTSNodeResult: TypeAlias = (
    AsyncIterable[TTSPiece] | Coroutine[Any, Any, AsyncIterable[TTSPiece] | None]
)
TextNodeResult: TypeAlias = AsyncIterable[str] | Coroutine[Any, Any, AsyncIterable[str] | None]
AudioNodeResult: TypeAlias = (
    AsyncIterable[AudioFrame] | Coroutine[Any, Any, AsyncIterable[AudioFrame] | None]
)


class AgentPlace(AgentListener, Protocol):
    """An agent's place in a session."""

    @property
    def session(self) -> BaseSession[Any]: ...

    @property
    def setting(self) -> Setting: ...

    def lend(self, agent: AgentBase, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Let another agent have the word, within `async with`, and take it back then."""

    def task_completed(self, result: Any) -> None:
        """The agent is a task, and has come to its end."""


class Agent(AgentBase):
    """Instructions, tools, and optionally models of its own for a part of a conversation.

    Derive from it to add tools as methods, hooks (`on_enter` and so on), and nodes: the steps from
    audio to text to reply to speech. A node is overridden by an async generator, or a coroutine
    that returns an async iterable; `Agent.default` has what it does otherwise.

    Args:
        instructions: What the agent is told to be.
        id: Its name in history and handoffs; the class's name in snake case unless given.
        chat_ctx: What it knows from the start.
        tools: What it may do, beside its own methods that are tools.
        turn_handling: What differs from the session's.
        stt, vad, llm, tts: Models in place of the session's; None for none.
        tool_handling: What differs from the session's.
        min_consecutive_speech_delay: In place of the session's.
        use_tts_aligned_transcript: In place of the session's.
        expressive: Accepted; there is no such mode here.
        deprecated: Keywords of older versions that `turn_handling` has taken the place of.
    """

    def __init__(  # noqa: PLR0913 - the keywords are livekit-agents'
        self,
        *,
        instructions: str | Instructions,
        id: str | None = None,
        chat_ctx: NotGivenOr[ChatContext | None] = NOT_GIVEN,
        tools: Sequence[AnyTool] | None = None,
        turn_handling: NotGivenOr[TurnHandlingOptions] = NOT_GIVEN,
        tool_handling: NotGivenOr[ToolHandlingOptions] = NOT_GIVEN,
        stt: NotGivenOr[STT | str | None] = NOT_GIVEN,
        vad: NotGivenOr[VAD | None] = NOT_GIVEN,
        llm: NotGivenOr[LanguageModel | str | None] = NOT_GIVEN,
        tts: NotGivenOr[TTS | str | None] = NOT_GIVEN,
        min_consecutive_speech_delay: NotGivenOr[float] = NOT_GIVEN,
        use_tts_aligned_transcript: NotGivenOr[bool] = NOT_GIVEN,
        expressive: NotGivenOr[Any] = NOT_GIVEN,
        **deprecated: Unpack[DeprecatedKeywords],
    ) -> None:
        overrides = Overrides(
            stt=named_model("stt", stt),
            vad=vad,
            llm=named_model("llm", llm),
            tts=named_model("tts", tts),
            turn_handling=turn_handling_from_keywords(deprecated, turn_handling),
            tool_handling=tool_handling,
            min_consecutive_speech_delay=min_consecutive_speech_delay,
            use_tts_aligned_transcript=use_tts_aligned_transcript,
        )
        super().__init__(
            instructions=instructions, id=id, chat_ctx=chat_ctx, tools=tools, overrides=overrides
        )

    # -- the session -------------------------------------------------------------------

    @property
    def session(self) -> BaseSession[Any]:
        """The session that it is in; raises SessionError where it is in none."""
        return place_of(self).session

    @property
    def stt(self) -> NotGivenOr[STT | None]:
        """Its own, if it has one."""
        return book_of(self).overrides.stt

    @property
    def vad(self) -> NotGivenOr[VAD | None]:
        """Its own, if it has one."""
        return book_of(self).overrides.vad

    @property
    def llm(self) -> NotGivenOr[LanguageModel | None]:
        """Its own, if it has one."""
        return book_of(self).overrides.llm

    @property
    def tts(self) -> NotGivenOr[TTS | None]:
        """Its own, if it has one."""
        return book_of(self).overrides.tts

    # -- hooks -------------------------------------------------------------------------

    async def on_enter(self) -> None:
        """It has taken over. The place to say something first."""

    async def on_exit(self) -> None:
        """It is about to hand over, or the session to end. It may still speak."""

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        """The user has finished a turn, and the reply to it is about to be generated.

        `turn_ctx` is what the model will be told; what is added to it holds for this turn only.
        `new_message` may be changed. Raise StopResponse to say nothing.
        """

    async def on_user_turn_exceeded(self, ev: UserTurnExceededEvent) -> None:
        """The user has spoken too long (`user_turn_limit`): by default, answer briefly."""
        await self.session.generate_reply(
            instructions=(
                "The user has been talking for a long time without a pause. Cut in politely, in "
                "one short sentence, with what matters most of it."
            ),
            tool_choice="none",
            allow_interruptions=False,
        )

    async def on_resume(self, ctx: ResumeContext) -> None:
        """The conversation goes on in another process: the one that had it died, or it was moved
        onto new code (`ctx.reason`).

        History, agent and userdata are back. By default, what was being said is said again from
        the start of the sentence in which it was cut off; or the turn is answered whose reply had
        not begun to be heard. Not in livekit-agents.
        """
        if ctx.interrupted_text:
            await self.session.say(ctx.interrupted_text)
        elif ctx.unanswered:
            await self.session.generate_reply()

    # -- nodes -------------------------------------------------------------------------

    def stt_node(
        self, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
    ) -> STTNodeResult:
        """What the user says, from audio to events of text."""
        return self.default.stt_node(self, audio, model_settings)

    def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> LLMNodeResult:
        """What the agent says, from the conversation to pieces of text and calls of tools.

        May also be a coroutine that returns a str, a ChatChunk, or None for nothing to say. A
        FlushSentinel ends a segment: what comes before it is spoken as one.
        """
        return self.default.llm_node(self, chat_ctx, tools, model_settings)

    def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> TTSNodeResult:
        """What is heard of the agent, from text to audio."""
        return self.default.tts_node(self, text, model_settings)

    def transcription_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> TextNodeResult:
        """What is read of the agent, from the model's text to the transcript's."""
        return self.default.transcription_node(self, text, model_settings)

    def realtime_audio_output_node(
        self, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
    ) -> AudioNodeResult:
        """What is heard of a realtime model, from its audio to ours."""
        return self.default.realtime_audio_output_node(self, audio, model_settings)

    class default:
        """The nodes as they are where they are not overridden; call them with the agent."""

        @staticmethod
        def stt_node(
            agent: Agent, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
        ) -> AsyncIterable[SpeechEvent]:
            """Recognise speech with the agent's STT, behind its VAD where it does not stream."""
            return default_stt_node(place_of(agent).setting, audio, model_settings)

        @staticmethod
        def llm_node(
            agent: Agent, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
        ) -> AsyncIterable[ChatChunk]:
            """Ask the agent's language model."""
            return default_llm_node(place_of(agent).setting, chat_ctx, tools, model_settings)

        @staticmethod
        def tts_node(
            agent: Agent, text: AsyncIterable[str], model_settings: ModelSettings
        ) -> AsyncIterable[AudioFrame]:
            """Speak with the agent's TTS, after the text transforms, by sentences where it must."""
            return default_tts_node(place_of(agent).setting, text, model_settings)

        @staticmethod
        def transcription_node(
            agent: Agent, text: AsyncIterable[str], model_settings: ModelSettings
        ) -> AsyncIterable[str]:
            """The text as it is."""
            return default_transcription_node(text, model_settings)

        @staticmethod
        def realtime_audio_output_node(
            agent: Agent, audio: AsyncIterable[AudioFrame], model_settings: ModelSettings
        ) -> AsyncIterable[AudioFrame]:
            """The audio as it is."""
            return default_realtime_audio_output_node(audio, model_settings)


def place_of(agent: AgentBase) -> AgentPlace:
    """Where an agent is; raises SessionError where it is in no session."""
    place = book_of(agent).listener
    if place is None:
        raise SessionError(f"the agent '{agent.id}' is in no session")
    return cast("AgentPlace", place)


def tell_place(agent: AgentBase, result: Any) -> None:
    """A task has come to its end; where it is in no session nobody is told."""
    if book_of(agent).listener is not None:
        place_of(agent).task_completed(result)


def set_place(agent: AgentBase, place: AgentPlace | None) -> None:
    """Put an agent into a session, or out of it."""
    book_of(agent).listener = place


def is_overridden(agent: Agent, node: str) -> bool:
    """Whether an agent has a node of its own."""
    return getattr(type(agent), node) is not getattr(Agent, node)
