"""Is the user still there?"""

from __future__ import annotations

from .actions import UserState
from .facts import TurnFacts
from .interruption import TOLERANCE


class Presence:
    """Finds that the user is away: both sides have been silent for long, and nothing is at work."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._away = False
        self._quiet_since: float | None = None

    def sign_of_life(self) -> None:
        """The user is there."""
        self._away = False
        self._quiet_since = None

    def look(self) -> None:
        """Look at both sides after any input."""
        if self._facts.voice.speaking:
            self._away = False
        if not self._quiet():
            self._quiet_since = None
            return
        if self._quiet_since is None:
            self._quiet_since = self._facts.now
        due = self._due()
        if due is not None and self._facts.now + TOLERANCE >= due:
            self._away = True

    def timer(self) -> float | None:
        """When the user will be away, if nothing happens."""
        return None if self._away else self._due()

    @property
    def user_state(self) -> UserState:
        """What the user does, in users' words."""
        if self._facts.voice.speaking:
            return "speaking"
        return "away" if self._away else "listening"

    def _due(self) -> float | None:
        timeout = self._facts.rules.user_away_timeout
        if timeout is None or self._quiet_since is None:
            return None
        return self._quiet_since + timeout

    def _quiet(self) -> bool:
        facts = self._facts
        agent = facts.agent
        at_work = agent.reply is not None or agent.owed is not None or agent.tools_running
        user_busy = facts.voice.speaking or facts.turn_open
        return facts.present and not at_work and not user_busy and not facts.handing_off
