"""A reply begun before the turn is sure to be over."""

from __future__ import annotations

from .actions import DropPreemptive, StartPreemptive
from .backchannel import same_text
from .facts import TurnFacts


class Preemptive:
    """The generation that is under way for the open turn, if any."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._last_id = 0
        self._text: str | None = None
        """What the current generation answers."""
        self._tries = 0

    def consider(self) -> None:
        """Look at the turn's text, which has just changed: begin a reply to it where that pays."""
        text = self._facts.turn.whole_text
        if self._text is not None and same_text(self._text, text):
            return
        self.drop()
        if not self._pays():
            return
        self._tries += 1
        self._last_id += 1
        self._text = text
        self._facts.out.add(
            StartPreemptive(
                generation_id=self._last_id,
                text=text,
                synthesize=self._facts.rules.preemptive_generation.preemptive_tts,
            )
        )

    def use(self, text: str) -> int | None:
        """The turn is over with this text: the generation to answer with. Others are dropped."""
        if self._text is None or not same_text(self._text, text):
            self.drop()
            self._tries = 0
            return None
        self._text = None
        self._tries = 0
        return self._last_id

    def close(self) -> None:
        """The turn is over without an answer."""
        self.drop()
        self._tries = 0

    def drop(self) -> None:
        """Cancel the generation; the turn may begin another one."""
        if self._text is not None:
            self._text = None
            self._facts.out.add(DropPreemptive(generation_id=self._last_id))

    def _pays(self) -> bool:
        facts = self._facts
        rules = facts.rules.preemptive_generation
        started_at = facts.turn.started_at
        spoken_for = 0.0 if started_at is None else facts.now - started_at
        idle = facts.agent.reply is None and facts.agent.owed is None
        return (
            rules.enabled
            and self._tries < rules.max_retries
            and spoken_for <= rules.max_speech_duration
            and idle
            and facts.turn_open
            and not facts.handing_off
            and not facts.left
        )
