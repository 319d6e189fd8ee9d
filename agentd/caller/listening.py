"""What the caller notices of the agent in a script's turn, and when that is over. Pure."""

from __future__ import annotations

import math

BUSY = frozenset({"thinking", "speaking", "initializing"})
"""States that an agent tells in which something is still to come of it."""

PATIENCE = 8.0
"""Seconds of silence in which one that says it is busy is believed: its last word on that may have
been lost."""


GAP = 0.4
"""Seconds of silence that part an answer from what the agent was saying before."""


class Notes:
    """Follows one turn. Instants are seconds on the loop's clock."""

    def __init__(self) -> None:
        self.state = ""
        """The agent's, as it tells it; empty where it tells none."""
        self.left_at: float | None = None
        self._noticed_at = -math.inf
        """When it was last heard, or began to write."""
        self._goes_on = False
        """Whether it has been heard without a gap since before the end of the turn."""
        self._old: frozenset[str] = frozenset()
        """Segments of its transcript that began before that."""
        self.begin(0.0)

    def begin(self, at: float) -> None:
        """The caller begins a turn: what comes from now on belongs to it."""
        self.begun_at = at
        self._heard: dict[str, str] = {}
        self._forget()

    def end(self, at: float) -> None:
        """The caller has said all of it: what the agent goes on saying then is no answer to it."""
        self._goes_on = at - self._noticed_at < GAP
        self._old = self._old | self._segments.keys()
        self._forget()

    def _forget(self) -> None:
        self.first_sound_at: float | None = None
        self.first_word_at: float | None = None
        self.last_at: float | None = None
        """When it was last heard or read."""
        self._segments: dict[str, str] = {}

    def sound(self, at: float) -> None:
        """The agent is heard."""
        before, self._noticed_at = self._noticed_at, at
        if self._goes_on and at - before < GAP:
            return
        self._goes_on = False
        if self.first_sound_at is None:
            self.first_sound_at = at
        self.last_at = at

    def word(self, at: float, segment: str, text: str) -> None:
        """It says, in a segment of its transcript, so much so far."""
        if segment in self._old:
            return
        if segment not in self._segments:
            self._noticed_at = max(at, self._noticed_at)
        if self.first_word_at is None:
            self.first_word_at = at
        self.last_at = max(at, self.last_at or at)
        self._segments[segment] = text

    def understood(self, segment: str, text: str) -> None:
        """It has understood this of what the caller has said."""
        self._heard[segment] = text

    @property
    def text(self) -> str:
        """What it has said."""
        return " ".join(" ".join(self._segments.values()).split())

    @property
    def heard(self) -> str:
        """What it has understood."""
        return " ".join(" ".join(self._heard.values()).split())

    @property
    def answered_at(self) -> float | None:
        """When the answer began: its first sound, or its first word where there is none."""
        return self.first_sound_at if self.first_sound_at is not None else self.first_word_at

    def over_at(self, silence_after: float) -> float | None:
        """When the answer is over, if nothing more comes; None while it is not foreseen."""
        if self.left_at is not None:
            return self.left_at
        if self.answered_at is None or self.last_at is None:
            return None
        return self.last_at + (
            max(silence_after, PATIENCE) if self.state in BUSY else silence_after
        )
