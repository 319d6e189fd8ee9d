"""Is the user's turn over? Waits for the text, for the end-of-turn model, and for silence."""

from __future__ import annotations

from msgspec import Struct

from .actions import TimerName
from .facts import TurnFacts
from .inputs import EndOfTurnFailed, EndOfTurnPredicted, TurnInput
from .interruption import TOLERANCE
from .options import DetectorKind

AUDIO_PREDICTION_TIMEOUT = 1.0
"""How long a decision waits for an end-of-turn model that judges by audio, in seconds."""
TEXT_PREDICTION_TIMEOUT = 3.0
"""The same for one that reads."""
TIMEOUTS: dict[DetectorKind, float] = {
    "audio": AUDIO_PREDICTION_TIMEOUT,
    "text": TEXT_PREDICTION_TIMEOUT,
}


class Verdict(Struct, frozen=True, kw_only=True):
    """What is to be done about the turn now; nothing where all is false."""

    over: bool = False
    ask: bool = False
    """Ask the end-of-turn model; it has not been asked about this."""
    timer: TimerName | None = None
    at: float = 0.0
    """When to look again, if nothing happens."""


class EndOfTurn:
    """Decides, and keeps the question to the end-of-turn model."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._last_id = 0
        self._asked_at: float | None = None
        self._failed = False
        self._answer: EndOfTurnPredicted | None = None

    def take(self, event: TurnInput) -> None:
        """Note the model's answer, if it is to the question that still stands."""
        if self._asked_at is None:
            return
        match event:
            case EndOfTurnPredicted(request_id=self._last_id):
                self._answer = event
            case EndOfTurnFailed(request_id=self._last_id):
                self._failed = True
            case _:
                pass

    def ask(self) -> int:
        """Note that the model is asked now; gives the question's number."""
        self.forget()
        self._asked_at = self._facts.now
        self._last_id += 1
        return self._last_id

    def forget(self) -> None:
        """The question is void: the user has gone on, or the turn is over."""
        self._asked_at = None
        self._failed = False
        self._answer = None

    @property
    def probability(self) -> float | None:
        """The model's answer, if there is one."""
        return None if self._answer is None else self._answer.probability

    def judge(self, *, agent_in_the_way: bool) -> Verdict:
        """Look at the turn. With the agent in the way only a real turn is worth a question: that
        is known at its end, so the model is not asked."""
        facts = self._facts
        if facts.voice.speaking or facts.handing_off:
            return Verdict()
        if not facts.turn_open:
            return Verdict(ask=self._may_ask_early(agent_in_the_way))
        text_due = self._text_due()
        if text_due is not None and not self._passed(text_due):
            ask = self._may_ask_early(agent_in_the_way)
            return Verdict(ask=ask, timer=TimerName.TRANSCRIPT, at=text_due)
        return self._judge_silence(None if agent_in_the_way else facts.setup.detector)

    def _may_ask_early(self, agent_in_the_way: bool) -> bool:
        # a model that judges by audio can think while the transcript is still on its way
        facts = self._facts
        just_heard = (
            facts.turn.ended_at is not None
            and facts.now - facts.voice.stopped_at < AUDIO_PREDICTION_TIMEOUT
        )
        return (
            facts.setup.detector == "audio"
            and facts.automatic
            and self._asked_at is None
            and just_heard
            and not agent_in_the_way
        )

    def _text_due(self) -> float | None:
        """When the text that there is has to do; None where it already does."""
        facts = self._facts
        turn = facts.turn
        due = None
        if turn.interim:
            due = turn.heard_at + facts.rules.transcript_wait
        if facts.setup.mode == "stt" and not turn.stt_ended:
            last_sign = max(turn.heard_at, turn.ended_at or 0.0)
            due = max(due or 0.0, last_sign + facts.endpointing.max_delay)
        return due

    def _judge_silence(self, detector: DetectorKind | None) -> Verdict:
        if detector is not None:
            if self._asked_at is None:
                return Verdict(
                    ask=True,
                    timer=TimerName.PREDICTION,
                    at=self._facts.now + TIMEOUTS[detector],
                )
            prediction_due = self._asked_at + TIMEOUTS[detector]
            answered = self._answer is not None or self._failed
            if not answered and not self._passed(prediction_due):
                return Verdict(timer=TimerName.PREDICTION, at=prediction_due)
        due = self._silent_since() + self._delay(detector)
        if self._passed(due):
            return Verdict(over=True)
        return Verdict(timer=TimerName.ENDPOINTING, at=due)

    def _delay(self, detector: DetectorKind | None) -> float:
        answer = self._answer if detector is not None else None
        goes_on = answer is not None and answer.probability < answer.threshold
        endpointing = self._facts.endpointing
        return endpointing.max_delay if goes_on else endpointing.min_delay

    def _silent_since(self) -> float:
        # a VAD can miss a soft voice that the STT understands
        turn = self._facts.turn
        return turn.heard_at if turn.ended_at is None else turn.ended_at

    def _passed(self, at: float) -> bool:
        return self._facts.now + TOLERANCE >= at
