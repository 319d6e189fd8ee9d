"""What happens in a run, as its result lists it."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

from agentd.llm.items import (
    AgentHandoff,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
)

from .agent_base import AgentBase


class ChatMessageEvent(Struct, frozen=True, kw_only=True, eq=False):
    """Somebody has said something; the user's own input is not listed."""

    type: ClassVar[Literal["message"]] = "message"
    item: ChatMessage


class FunctionCallEvent(Struct, frozen=True, kw_only=True, eq=False):
    """The model has called a tool."""

    type: ClassVar[Literal["function_call"]] = "function_call"
    item: FunctionCall


class FunctionCallOutputEvent(Struct, frozen=True, kw_only=True, eq=False):
    """A tool has given its output."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"
    item: FunctionCallOutput


class AgentHandoffEvent(Struct, frozen=True, kw_only=True, eq=False):
    """Another agent has taken over."""

    type: ClassVar[Literal["agent_handoff"]] = "agent_handoff"
    item: AgentHandoff
    new_agent: AgentBase
    old_agent: AgentBase | None = None


RunEvent: TypeAlias = (
    ChatMessageEvent | FunctionCallEvent | FunctionCallOutputEvent | AgentHandoffEvent
)
RunEventType: TypeAlias = Literal[
    "message", "function_call", "function_call_output", "agent_handoff"
]


def event_of(item: ChatItem) -> RunEvent | None:
    """The event of an item that was put into the history; None for one that is no event."""
    match item:
        case ChatMessage():
            return ChatMessageEvent(item=item)
        case FunctionCall():
            return FunctionCallEvent(item=item)
        case FunctionCallOutput():
            return FunctionCallOutputEvent(item=item)
        case _:
            return None


def describe(event: RunEvent) -> str:
    """An event on one line, for the message of a failed assertion."""
    match event:
        case ChatMessageEvent(item=item):
            cut = ", interrupted" if item.interrupted else ""
            return f"message({item.role!r}, {item.text_content!r}{cut})"
        case FunctionCallEvent(item=item):
            return f"function_call({item.name!r}, {item.arguments})"
        case FunctionCallOutputEvent(item=item):
            failed = ", is_error=True" if item.is_error else ""
            return f"function_call_output({item.name!r}, {item.output!r}{failed})"
        case AgentHandoffEvent(item=item):
            return f"agent_handoff({item.old_agent_id!r} -> {item.new_agent_id!r})"
