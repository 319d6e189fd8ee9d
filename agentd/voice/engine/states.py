"""What the user and the agent are doing, as the session tells it."""

from __future__ import annotations

from collections.abc import Callable

from agentd.voice.events import AgentStateChangedEvent, UserStateChangedEvent
from agentd.voice.turns.actions import AgentState, UserState


class States:
    """The two states; each change is told once."""

    def __init__(
        self, emit: Callable[[AgentStateChangedEvent | UserStateChangedEvent], None]
    ) -> None:
        self._emit = emit
        self.user: UserState = "listening"
        self.agent: AgentState = "initializing"

    def set_user(self, state: UserState) -> None:
        """The user speaks, is silent, or has been silent for long."""
        old, self.user = self.user, state
        if old != state:
            self._emit(UserStateChangedEvent(old_state=old, new_state=state))

    def set_agent(self, state: AgentState) -> None:
        """The agent gets ready, listens, thinks or speaks."""
        old, self.agent = self.agent, state
        if old != state:
            self._emit(AgentStateChangedEvent(old_state=old, new_state=state))
