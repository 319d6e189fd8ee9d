"""How long silence must last to end a turn: fixed, or moved by the user's pauses. Pure."""

from __future__ import annotations

from .options import EndpointingRules

LEAD_IN = 0.25
"""Speech often begins with a little silence: who speaks within this after the agent's first audio
has not heard it, and has only gone on after a pause."""


class Endpointing:
    """The delays of one user. With mode `dynamic` it learns, with `fixed` it does not.

    A pause is the silence between two stretches of the user's speech that no word of the agent
    separates. Long ones end turns too early, so the shortest delay follows their moving average.
    """

    def __init__(self, rules: EndpointingRules) -> None:
        self._rules = rules
        self._average = rules.min_delay
        self._silent_since: float | None = None
        """The last sound that a pause can begin with."""
        self._agent_at: float | None = None
        """When the agent was first heard after it."""

    def change(self, rules: EndpointingRules) -> None:
        """Go by other rules; what was learned stays, as far as they allow it."""
        self._rules = rules

    @property
    def min_delay(self) -> float:
        """Seconds from the last sound to the end of a turn, if nothing speaks against it."""
        rules = self._rules
        if rules.mode == "fixed":
            return rules.min_delay
        return min(max(self._average, rules.min_delay), rules.max_delay)

    @property
    def max_delay(self) -> float:
        """The same where the user probably goes on."""
        return self._rules.max_delay

    def speech_started(self, started_at: float) -> None:
        """The user speaks (again)."""
        if self._silent_since is None or self._agent_was_heard(started_at):
            return
        pause = started_at - self._silent_since
        if 0 < pause <= self._rules.max_delay:
            weight = self._rules.alpha
            self._average = weight * self._average + (1 - weight) * pause

    def speech_ended(self, ended_at: float, *, counts: bool) -> None:
        """The user has stopped. What was said over the agent without stopping it does not count:
        the silence after a backchannel is no pause."""
        self._silent_since = ended_at if counts else None
        self._agent_at = None

    def agent_heard(self, at: float) -> None:
        """The agent has become audible."""
        if self._agent_at is None:
            self._agent_at = at

    def _agent_was_heard(self, started_at: float) -> bool:
        return self._agent_at is not None and started_at - self._agent_at > LEAD_IN
