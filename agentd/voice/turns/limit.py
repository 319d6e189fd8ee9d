"""Has the user spoken too long, over all turns since the agent was last heard?"""

from __future__ import annotations

from .backchannel import count_words
from .facts import TurnFacts
from .interruption import TOLERANCE


class TurnLimit:
    """Counts words and time. What counts begins anew when the agent is heard."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._texts: list[str] = []
        self._started_at: float | None = None
        self._told = False

    def agent_heard(self) -> None:
        """The agent has answered, or said something of its own."""
        self._texts.clear()
        self._told = False
        self._started_at = None

    def turn_closed(self, text: str) -> None:
        """A turn is over, answered or not."""
        if text:
            self._texts.append(text)
        if self._facts.turn.started_at is not None:
            self._started_at = self._begun_at()

    def exceeded(self) -> bool:
        """Whether it is time to say so: once, and only while the user has the word."""
        facts = self._facts
        limit = facts.rules.user_turn_limit
        if self._told or facts.setup.mode == "realtime_llm" or not self._user_has_word():
            return False
        too_many = limit.max_words is not None and self.word_count > limit.max_words
        due = self._due()
        return too_many or (due is not None and facts.now + TOLERANCE >= due)

    def tell(self) -> None:
        """Note that it was said."""
        self._told = True

    def timer(self) -> float | None:
        """When the time will be up."""
        due = self._due()
        if self._told or due is None or not self._user_has_word():
            return None
        return due if due > self._facts.now else None

    @property
    def text(self) -> str:
        """All that counts."""
        return " ".join([*self._texts, self._facts.turn.whole_text]).strip()

    @property
    def word_count(self) -> int:
        """Words in it."""
        return count_words(self.text)

    @property
    def duration(self) -> float:
        """Seconds since the first sound that counts."""
        begun_at = self._begun_at()
        return 0.0 if begun_at is None else self._facts.now - begun_at

    def _begun_at(self) -> float | None:
        return self._facts.turn.started_at if self._started_at is None else self._started_at

    def _due(self) -> float | None:
        max_duration = self._facts.rules.user_turn_limit.max_duration
        begun_at = self._begun_at()
        if max_duration is None or begun_at is None:
            return None
        return begun_at + max_duration

    def _user_has_word(self) -> bool:
        facts = self._facts
        reply = facts.agent.reply
        if facts.handing_off or facts.left or facts.agent.speaking:
            return False
        if reply is not None and not reply.interruptible:
            return False
        if facts.setup.has_stt:
            return facts.turn.has_text and facts.turn.aside is None
        return facts.voice.speaking
