"""What a model is told and offered for one reply. Pure but for the agent it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentd.llm.chat import ChatContext
from agentd.llm.instructions import Instructions
from agentd.llm.items import ChatItem, ChatMessage, FunctionCall
from agentd.llm.tools import FunctionTool, RawFunctionTool, Tool, ToolFlag
from agentd.llm.toolset import ToolContext
from agentd.voice.agent_base import AgentBase, AnyTool, book_of
from agentd.voice.chatlog import INSTRUCTIONS_ID
from agentd.voice.options import InputModality
from agentd.voice.tools.duplicates import with_confirmation


def prompt(
    agent: AgentBase,
    chat_ctx: ChatContext,
    *,
    modality: InputModality,
    extra_instructions: str | Instructions | None = None,
    in_progress: Sequence[ChatItem] = (),
) -> ChatContext:
    """The conversation as the model is told it: instructions first, those for this reply last."""
    told = chat_ctx.copy(exclude_handoff=True, exclude_config_update=True)
    told.items = [item for item in told.items if item.id != INSTRUCTIONS_ID]
    # Where they were called: at the end they would be what the model answers.
    told.insert(in_progress)
    items = told.items
    text = render(book_of(agent).instructions, modality)
    if text:
        items.insert(0, ChatMessage(id=INSTRUCTIONS_ID, role="system", content=[text]))
    if extra_instructions:
        items.append(ChatMessage(role="system", content=[render(extra_instructions, modality)]))
    return ChatContext(items)


def call_ids(chat_ctx: ChatContext) -> set[str]:
    """The calls that a context tells of."""
    return {item.call_id for item in chat_ctx.items if isinstance(item, FunctionCall)}


def choose_tools(
    tools: Iterable[AnyTool], *, names: Sequence[str] | None = None, entering: bool = False
) -> ToolContext:
    """The tools of one reply: all, or those of these names; some are hidden in `on_enter`."""
    everything = ToolContext(tools)
    if names is None and not entering:
        return everything
    return ToolContext(
        tool
        for tool in everything.flatten()
        if (names is None or tool.id in names) and not (entering and _hidden_on_enter(tool))
    )


def offered(tools: ToolContext, running: set[str]) -> list[Tool]:
    """The tools as the model sees them: where a call is at work, a second may need confirming."""
    return [
        with_confirmation(tool)
        if isinstance(tool, FunctionTool | RawFunctionTool)
        and tool.info.on_duplicate == "confirm"
        and tool.id in running
        else tool
        for tool in tools.flatten()
    ]


def _hidden_on_enter(tool: Tool) -> bool:
    if not isinstance(tool, FunctionTool | RawFunctionTool):
        return False
    return bool(tool.info.flags & ToolFlag.IGNORE_ON_ENTER)


def render(instructions: str | Instructions, modality: InputModality) -> str:
    """Instructions as one text, for how the user's turn came in."""
    if isinstance(instructions, Instructions):
        return instructions.render(modality=modality)
    return instructions
