"""Conversations that tests of this room share."""

from __future__ import annotations

from agentd.llm import (
    AgentHandoff,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
)


def system(text: str = "be kind", at: float = 0.0) -> ChatMessage:
    """An instruction."""
    return ChatMessage(role="system", content=[text], created_at=at, id=f"s{at:g}")


def user(text: str = "hello", at: float = 0.0) -> ChatMessage:
    """What the user said."""
    return ChatMessage(role="user", content=[text], created_at=at, id=f"u{at:g}")


def assistant(text: str = "hi", at: float = 0.0) -> ChatMessage:
    """What the agent said."""
    return ChatMessage(role="assistant", content=[text], created_at=at, id=f"a{at:g}")


def call(name: str = "look", at: float = 0.0, group: str | None = None) -> FunctionCall:
    """A call; its id is of its instant."""
    return FunctionCall(
        call_id=f"call{at:g}",
        name=name,
        arguments='{"x":1}',
        created_at=at,
        id=f"c{at:g}",
        group_id=group,
    )


def output(of: FunctionCall, text: str = "seen", at: float = 0.0) -> FunctionCallOutput:
    """What came of a call."""
    return FunctionCallOutput(
        call_id=of.call_id, name=of.name, output=text, created_at=at, id=f"o{at:g}"
    )


def handoff(at: float = 0.0) -> AgentHandoff:
    """Another agent takes over."""
    return AgentHandoff(old_agent_id="a", new_agent_id="b", created_at=at, id=f"h{at:g}")


def ids(chat_ctx: ChatContext) -> list[str]:
    """Which items are in it, in order."""
    return [item.id for item in chat_ctx.items]


def history() -> list[ChatItem]:
    """An instruction, a question, a call with its output, an answer, another agent."""
    asked = call(at=2)
    return [system(), user(at=1), asked, output(asked, at=3), assistant(at=4), handoff(at=5)]
