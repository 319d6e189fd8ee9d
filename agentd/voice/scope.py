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


class Deadline(Protocol):
    """The time that a tool has."""

    def suspend(self) -> None:
        """It does not count while the tool talks to the user."""

    def resume(self) -> None:
        """It counts again, from its beginning."""


class Scope:
    """One such course."""

    def __init__(
        self,
        kind: ScopeKind,
        agent: AgentBase,
        *,
        speech: Speech | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.kind = kind
        self.agent = agent
        self.speech = speech
        """The reply that has called the tool."""
        self.deadline = deadline


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
