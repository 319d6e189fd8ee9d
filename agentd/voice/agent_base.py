"""What an agent is, as data: instructions, history, tools, and the models of its own.

`AgentBase` is the half of an `Agent` that needs no session; `AgentBook` is what the session reads
and writes of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from agentd.errors import SessionError
from agentd.given import NOT_GIVEN, NotGivenOr, is_given
from agentd.llm.base import LLM
from agentd.llm.chat import ChatContext, ReadOnlyChatContext
from agentd.llm.instructions import Instructions
from agentd.llm.items import AgentConfigUpdate
from agentd.llm.tools import Tool, find_function_tools, tool_names
from agentd.llm.toolset import ToolContext, Toolset
from agentd.realtime.base import RealtimeModel
from agentd.stt.base import STT
from agentd.tts.base import TTS
from agentd.vad import VAD

from .turns.options import TurnHandlingOptions

AnyTool: TypeAlias = Tool | Toolset
LanguageModel: TypeAlias = LLM | RealtimeModel

T = TypeVar("T")

_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Overrides(Struct, kw_only=True):
    """What an agent has of its own. NOT_GIVEN: as the session has it; None: none at all."""

    stt: NotGivenOr[STT | None] = NOT_GIVEN
    vad: NotGivenOr[VAD | None] = NOT_GIVEN
    llm: NotGivenOr[LanguageModel | None] = NOT_GIVEN
    tts: NotGivenOr[TTS | None] = NOT_GIVEN
    turn_handling: TurnHandlingOptions = {}
    tool_handling: Any = NOT_GIVEN
    min_consecutive_speech_delay: NotGivenOr[float] = NOT_GIVEN
    use_tts_aligned_transcript: NotGivenOr[bool] = NOT_GIVEN


class AgentListener(Protocol):
    """The session's part that an agent is in, as far as changes of the agent concern it."""

    async def instructions_changed(self) -> None: ...

    async def tools_changed(self) -> None: ...

    async def chat_ctx_changed(self) -> None: ...

    async def models_changed(self) -> None: ...

    def item_added(self, item: AgentConfigUpdate) -> None: ...


class AgentBook:
    """The state of one agent."""

    def __init__(
        self,
        *,
        id: str,
        instructions: str | Instructions,
        chat_ctx: ChatContext,
        tools: Sequence[AnyTool],
        overrides: Overrides,
    ) -> None:
        self.id = id
        self.instructions = instructions
        self.instructions_changed = False
        """Whether they are others than those that it was made with."""
        self.chat_ctx = chat_ctx
        self.tools: list[AnyTool] = list(tools)
        self.overrides = overrides
        self.listener: AgentListener | None = None
        """Set while the agent is in a session."""


class AgentBase:
    """An agent without a session: what it is told to be, what it knows, what it may do."""

    def __init__(
        self,
        *,
        instructions: str | Instructions,
        id: str | None = None,
        chat_ctx: NotGivenOr[ChatContext | None] = NOT_GIVEN,
        tools: Sequence[AnyTool] | None = None,
        overrides: Overrides,
    ) -> None:
        own_tools = [*(tools or []), *find_function_tools(self)]
        ToolContext(
            own_tools
        )  # raises ValueError for two tools of one name, here and not in a call
        self._book = AgentBook(
            id=id or _default_id(type(self).__name__),
            instructions=instructions,
            chat_ctx=chat_ctx.copy() if is_given(chat_ctx) and chat_ctx else ChatContext.empty(),
            tools=own_tools,
            overrides=overrides,
        )

    @property
    def id(self) -> str:
        """Its name in history and handoffs."""
        return self._book.id

    @property
    def label(self) -> str:
        """Which class it is, for logs."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def instructions(self) -> str | Instructions:
        """What it is told to be."""
        return self._book.instructions

    @property
    def chat_ctx(self) -> ChatContext:
        """What it knows of the conversation. Read-only: see `update_chat_ctx`."""
        return ReadOnlyChatContext(self._book.chat_ctx)

    @property
    def tools(self) -> list[AnyTool]:
        """What it may do; a copy."""
        return list(self._book.tools)

    async def update_instructions(self, instructions: str | Instructions) -> None:
        """Tell it to be something else, from its next reply on."""
        book = self._book
        if instructions == book.instructions:
            return
        book.instructions, book.instructions_changed = instructions, True
        self._note(AgentConfigUpdate(instructions=str(instructions)))
        if book.listener is not None:
            await book.listener.instructions_changed()

    async def update_tools(self, tools: Sequence[AnyTool]) -> None:
        """Give it these tools and no others, from its next reply on.

        To add one: `update_tools(agent.tools + [more])`. Raises ValueError for two of one name.
        """
        ToolContext(tools)
        book = self._book
        before, after = tool_names(book.tools), tool_names(tools)
        book.tools = list(tools)
        if before != after:
            added, removed = sorted(after - before), sorted(before - after)
            self._note(AgentConfigUpdate(tools_added=added or None, tools_removed=removed or None))
        if book.listener is not None:
            await book.listener.tools_changed()

    async def update_chat_ctx(
        self, chat_ctx: ChatContext, *, exclude_invalid_function_calls: bool = True
    ) -> None:
        """Make it know this. Calls of tools that it does not have are left out, unless wanted."""
        tools = self._book.tools if exclude_invalid_function_calls else NOT_GIVEN
        self._book.chat_ctx = chat_ctx.copy(tools=tools)
        if self._book.listener is not None:
            await self._book.listener.chat_ctx_changed()

    async def update_options(
        self,
        *,
        stt: NotGivenOr[STT | None] = NOT_GIVEN,
        vad: NotGivenOr[VAD | None] = NOT_GIVEN,
        llm: NotGivenOr[LanguageModel | None] = NOT_GIVEN,
        tts: NotGivenOr[TTS | None] = NOT_GIVEN,
        turn_handling: NotGivenOr[TurnHandlingOptions] = NOT_GIVEN,
    ) -> None:
        """Give it other models, at once, also while it talks.

        Raises SessionError for a change to or from a realtime model while it is in a session.
        """
        overrides, listener = self._book.overrides, self._book.listener
        if is_given(llm) and listener is not None:
            _refuse_other_kind(overrides.llm, llm)
        overrides.stt = stt if is_given(stt) else overrides.stt
        overrides.vad = vad if is_given(vad) else overrides.vad
        overrides.llm = llm if is_given(llm) else overrides.llm
        overrides.tts = tts if is_given(tts) else overrides.tts
        if is_given(turn_handling):
            overrides.turn_handling = turn_handling
        if listener is not None:
            await listener.models_changed()

    def _note(self, change: AgentConfigUpdate) -> None:
        """Tell the history, where the agent is in a session."""
        self._book.chat_ctx.items.append(change)
        if self._book.listener is not None:
            self._book.listener.item_added(change)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r}>"


def book_of(agent: AgentBase) -> AgentBook:
    """The state of an agent, for the session that it is in."""
    return agent._book  # noqa: SLF001 - two sides of one thing, in one file


def _default_id(class_name: str) -> str:
    if class_name == "Agent":
        return "default_agent"
    return _BEFORE_CAPITAL.sub("_", class_name).lower()


def _refuse_other_kind(old: NotGivenOr[LanguageModel | None], new: LanguageModel | None) -> None:
    if isinstance(old, RealtimeModel) or isinstance(new, RealtimeModel):
        raise SessionError(
            "an agent can't change to or from a realtime model while it is in a session: "
            "hand over to another agent"
        )
