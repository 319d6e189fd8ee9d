"""When an answer has begun and when it is over: pure, fed with instants and loudness."""

from __future__ import annotations


class AnswerWatch:
    """Follows the agent's audio from the moment the caller begins to speak.

    What the agent says before that, such as a greeting, is no answer. What it says while the
    caller still speaks is one, but it is not over before the caller has ended.
    """

    def __init__(self, silence_after: float) -> None:
        self._silence_after = silence_after
        self.asked_at: float | None = None
        """When the caller began to speak."""
        self.asked_until: float | None = None
        """When the caller had spoken."""
        self.began_at: float | None = None
        """When the answer was first heard."""
        self.heard_at: float | None = None
        """When it was last heard."""

    def hear(self, at: float, audible: bool) -> None:
        """Take the next frame of the agent's audio."""
        if self.asked_at is None or not audible:
            return
        if self.began_at is None:
            self.began_at = at
        self.heard_at = at

    @property
    def has_replied(self) -> bool:
        """Whether something was heard after the caller had ended."""
        if self.asked_until is None or self.heard_at is None:
            return False
        return self.heard_at >= self.asked_until

    def is_over(self, at: float) -> bool:
        """Whether the agent has replied and has been silent for long enough since."""
        if not self.has_replied or self.heard_at is None:
            return False
        return at - self.heard_at >= self._silence_after
