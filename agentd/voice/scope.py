"""In whose course code runs: of a tool, or of an agent's coming or going.

Such code may hand the conversation to an AgentTask and wait for its result, and a reply that it
asks for is one without tools.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Literal, Protocol, TypeAlias

from .agent_base import AgentBase
from .speech import Speech, owning_speech

ScopeKind: TypeAlias = Literal["tool", "on_enter", "on_exit"]


class Call(Protocol):
    """A call of a tool, to the code that runs in it."""

    def suspend(self) -> None:
        """Its time does not count while it talks to the user."""

    def resume(self) -> None:
        """Its time counts again, from its beginning."""

    async def answer_if_over(self) -> None:
        """Wait until it has its answer, if the code has ended."""


class Scope:
    """One such course."""

    def __init__(
        self,
        kind: ScopeKind,
        agent: AgentBase,
        *,
        speech: Speech | None = None,
        call: Call | None = None,
    ) -> None:
        self.kind = kind
        self.agent = agent
        self.speech = speech
        """The reply that has called the tool."""
        self.call = call


current_scope: ContextVar[Scope | None] = ContextVar("agentd_voice_scope", default=None)


def enter_scope(scope: Scope) -> None:
    """What follows in this task runs in this course."""
    current_scope.set(scope)
    owning_speech.set(scope.speech)


def leave_scope() -> None:
    """What follows in this task runs in no such course, wherever the task was started: a turn is
    taken, or a speech made, in the midst of whatever was going on."""
    current_scope.set(None)
    owning_speech.set(None)
