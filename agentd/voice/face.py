"""What agents and tools see of the session that they are in: everything a user may do with one.

`AgentSession` is the one that there is. Agents and tools name this class, since the session knows
them and not the other way round.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Sequence
from typing import Any, Generic, TypeVar

from agentd.aio.emitter import EventEmitter
from agentd.audio.frame import AudioFrame
from agentd.given import NOT_GIVEN, NotGivenOr
from agentd.io.attached import AgentInput, AgentOutput
from agentd.io.base import VideoFrame
from agentd.llm.chat import ChatContext
from agentd.llm.events import ToolChoice
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatMessage

from .agent_base import AgentBase, AnyTool
from .dtmf import DtmfEvent
from .options import InputModality, SessionOptions
from .run_result import RunResult
from .speech import SpeechHandle
from .turns.actions import AgentState, UserState

UserdataT = TypeVar("UserdataT")


class BaseSession(EventEmitter, ABC, Generic[UserdataT]):
    """A conversation. Its events are those of `agentd.voice.events`, by their `type`."""

    # -- what it is --------------------------------------------------------------------

    @property
    @abstractmethod
    def userdata(self) -> UserdataT:
        """What the user's code keeps with the session; raises SessionError where it was not set."""

    @userdata.setter
    @abstractmethod
    def userdata(self, value: UserdataT) -> None: ...

    @property
    @abstractmethod
    def history(self) -> ChatContext:
        """The conversation so far, over all agents. Read-only."""

    @property
    @abstractmethod
    def current_agent(self) -> AgentBase:
        """Who speaks; raises SessionError before `start`."""

    @property
    @abstractmethod
    def current_speech(self) -> SpeechHandle | None:
        """What is being said."""

    @property
    @abstractmethod
    def user_state(self) -> UserState: ...

    @property
    @abstractmethod
    def agent_state(self) -> AgentState: ...

    @property
    @abstractmethod
    def input(self) -> AgentInput:
        """What it hears and sees through."""

    @property
    @abstractmethod
    def latest_video_frame(self) -> VideoFrame | None:
        """The picture that was looked at last; None while there is nothing to see.

        For a model that reads, add it to a message in `on_user_turn_completed`, as
        `ImageContent(image=as_picture(frame))` (both in `agentd.llm`).
        """

    @property
    @abstractmethod
    def output(self) -> AgentOutput:
        """What it says and writes through."""

    @property
    @abstractmethod
    def options(self) -> SessionOptions: ...

    @property
    @abstractmethod
    def tools(self) -> list[AnyTool]:
        """Tools that every agent has; a copy."""

    # -- what it says ------------------------------------------------------------------

    @abstractmethod
    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        audio: NotGivenOr[AsyncIterable[AudioFrame]] = NOT_GIVEN,
        allow_interruptions: NotGivenOr[bool] = NOT_GIVEN,
        add_to_chat_ctx: bool = True,
    ) -> SpeechHandle:
        """Speak a text as it is, with audio of its own if some is given.

        Raises SessionError where there is nothing to speak with, or the session is closing.
        """

    @abstractmethod
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
        """Have the model say something.

        Args:
            user_input: What the user has said or written; it goes into the history first.
            instructions: A further instruction, for this reply only.
            tool_choice: Whether tools may or must be called; inside a tool `"none"` unless given.
            tools: Names of the tools that may be called; all unless given.
            allow_interruptions: Whether the user may cut it off.
            chat_ctx: What the model is told in place of the agent's own history.
            input_modality: How the user's input came in.

        Raises SessionError where there is no model, or the session is closing.
        """

    @abstractmethod
    def interrupt(self, *, force: bool = False) -> asyncio.Future[None]:
        """Cut off what is being said, and drop what waits to be said.

        What is protected is left, and all that waits behind it, unless forced. Raises SessionError
        where what is being said is protected. The future is done when all of it is over.
        """

    @abstractmethod
    def run(
        self,
        *,
        user_input: str,
        input_modality: InputModality = "text",
        output_type: type | None = None,
    ) -> RunResult[Any]:
        """Give it the user's words and see what it does; await the result. For tests and scripts.

        Raises SessionError while another run is under way.
        """

    # -- turns -------------------------------------------------------------------------

    @abstractmethod
    def commit_user_turn(
        self,
        *,
        transcript_timeout: float = 2.0,
        stt_flush_duration: float = 2.0,
        skip_reply: bool = False,
    ) -> asyncio.Future[str]:
        """The user has finished, as when a button is let go; the future gives the transcript."""

    @abstractmethod
    def clear_user_turn(self) -> None:
        """Forget what the user has said since the last turn."""

    @abstractmethod
    def reset_away_timer(self) -> None:
        """The user is there: count the time until he is away anew."""

    # -- who speaks, and until when ------------------------------------------------------

    @abstractmethod
    def update_agent(self, agent: AgentBase) -> None:
        """Let another agent take over, when what is being said is over. Returns at once."""

    @abstractmethod
    async def send_dtmf(self, events: str | Sequence[DtmfEvent]) -> None:
        """Press keys of the telephone, such as "42#", one after the other.

        Raises ValueError for what is no key, SessionError where there is no room or it takes none.
        """

    @abstractmethod
    async def update_tools(self, tools: Sequence[AnyTool]) -> None:
        """Give every agent these tools, beside their own."""

    @abstractmethod
    async def wait_for_idle(self) -> None:
        """Wait until nobody speaks and nothing is worked on; raises SessionError when closing."""

    @abstractmethod
    async def drain(self) -> None:
        """Let what is being said come to its end; nothing new is begun."""

    @abstractmethod
    async def aclose(self) -> None:
        """End it at once. May be repeated; returns when all is over."""

    @abstractmethod
    def shutdown(self, *, drain: bool = True, delete_room: bool = False) -> None:
        """End it, after what is being said unless told otherwise. Returns at once.

        With `delete_room` the room of its job is deleted then, and everybody disconnected.
        """
