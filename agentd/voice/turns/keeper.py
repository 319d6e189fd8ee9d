"""How the user's turn ends: committed, dropped, set aside, or stopped for its length."""

from __future__ import annotations

from .actions import (
    AskEndOfTurn,
    CommitTurn,
    DropReason,
    InterruptReason,
    TurnDropped,
    UserTurnExceeded,
)
from .end_of_turn import EndOfTurn, Verdict
from .facts import TurnFacts
from .interruption import TOLERANCE, why_not_a_turn
from .limit import TurnLimit
from .manual import ManualTurns
from .preemptive import Preemptive


class TurnKeeper:
    """Ends turns. Each end says what became of it: CommitTurn, UserTurnExceeded or TurnDropped."""

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self.end = EndOfTurn(facts)
        self.preemptive = Preemptive(facts)
        self.limit = TurnLimit(facts)
        self.manual = ManualTurns(facts)
        self.verdict = Verdict()
        """What is being waited for to end the turn."""
        self._last_id = 0

    def decide(self) -> bool:
        """Look at the turn; says whether one was dropped."""
        facts = self._facts
        self.verdict = Verdict()
        if self.manual.ready:
            return self._end_manually()
        if facts.left and facts.turn_open:
            self._commit()
            return False
        if self.limit.exceeded():
            self._exceed()
            return False
        dropped = self._settle_aside()
        self.verdict = self.end.judge(agent_in_the_way=self._why_not() is not None)
        if self.verdict.ask:
            self._ask()
        if self.verdict.over:
            self.verdict = Verdict()
            dropped = self._end() or dropped
        return dropped

    def drop(self, reason: DropReason) -> None:
        """The turn is not answered."""
        news = self._facts.turn.promote()
        if reason is not DropReason.CLEARED:
            self._facts.out.add(*news)
        text = self._facts.turn.text
        self._facts.out.add(TurnDropped(reason=reason, text=text, manual=self.manual.answer()))
        self.close()

    def close(self) -> None:
        """Begin a new turn."""
        facts = self._facts
        self.limit.turn_closed(facts.turn.whole_text)
        self.preemptive.close()
        self.end.forget()
        facts.turn.close(facts.now)

    # -- ways to end

    def _ask(self) -> None:
        text = self._facts.turn.whole_text
        self._facts.out.add(AskEndOfTurn(request_id=self.end.ask(), text=text))

    def _end(self) -> bool:
        reason = self._why_not()
        if reason is None or (self.manual.pending and reason is not DropReason.AGENT_PROTECTED):
            self._commit()
            return False
        if self._may_count_later(reason):
            self._facts.turn.aside = reason
            return False
        self.drop(reason)
        return True

    def _end_manually(self) -> bool:
        facts = self._facts
        if facts.setup.has_stt and not facts.turn.has_text:
            self.drop(DropReason.NO_TRANSCRIPT)
            return True
        reply = facts.agent.reply
        if reply is not None and not reply.interruptible and not self._skip_reply:
            self.drop(DropReason.AGENT_PROTECTED)
            return True
        self._commit()
        return False

    def _commit(self) -> None:
        facts = self._facts
        turn = facts.turn
        facts.out.add(*turn.promote())
        skip_reply = self._skip_reply
        if not skip_reply:
            self._take_word(InterruptReason.TURN)
        turn_id = self._next_id()
        facts.out.add(
            CommitTurn(
                turn_id=turn_id,
                text=turn.text,
                timing=turn.timing(facts.now),
                language=turn.language,
                confidence=turn.confidence,
                probability=self.end.probability,
                preemptive=None if skip_reply else self.preemptive.use(turn.text),
                skip_reply=skip_reply,
                manual=self.manual.answer(),
            )
        )
        if facts.left:
            facts.out.add(TurnDropped(reason=DropReason.PARTICIPANT_LEFT, turn_id=turn_id))
        if not skip_reply:
            facts.agent.owed = turn_id
        self.close()

    def _exceed(self) -> None:
        facts = self._facts
        turn = facts.turn
        facts.out.add(*turn.promote())
        self._take_word(InterruptReason.TURN_LIMIT)
        self.preemptive.close()
        turn_id = self._next_id()
        facts.out.add(
            UserTurnExceeded(
                turn_id=turn_id,
                text=turn.text,
                accumulated_text=self.limit.text,
                accumulated_word_count=self.limit.word_count,
                duration=self.limit.duration,
                timing=turn.timing(facts.now),
            )
        )
        facts.agent.owed = turn_id
        self.limit.tell()
        self.close()

    def _take_word(self, reason: InterruptReason) -> None:
        """The user has the word: what the agent was saying, or still owed, is over."""
        facts = self._facts
        if facts.agent.reply is not None:
            facts.interrupt(facts.agent.reply, reason)
        if facts.agent.owed is not None:
            facts.out.add(TurnDropped(reason=DropReason.SUPERSEDED, turn_id=facts.agent.owed))
            facts.agent.owed = None

    @property
    def _skip_reply(self) -> bool:
        return self.manual.skip_reply or self._facts.left

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # -- said over the agent

    def _why_not(self) -> DropReason | None:
        """What keeps the text from being a turn now, if the user has finished."""
        facts = self._facts
        reply = facts.agent.reply
        if reply is None:
            return None
        if not reply.interruptible:
            return DropReason.AGENT_PROTECTED
        if not reply.audible or reply.held:
            return None
        rules = facts.rules.interruption
        return why_not_a_turn(facts.turn.whole_text, rules=rules, setup=facts.setup)

    def _may_count_later(self, reason: DropReason) -> bool:
        """Whether the text can be a turn when the agent has finished: said to what came before
        protected speech, or too little to stop the agent (it may be near its end)."""
        reply = self._facts.agent.reply
        if reply is None or reply.paused:
            return False
        if reason is DropReason.AGENT_PROTECTED:
            return self._last_sign() <= reply.scheduled_at
        return True

    def _settle_aside(self) -> bool:
        """The agent has finished: what was set aside is a turn, or is dropped."""
        facts = self._facts
        aside = facts.turn.aside
        if aside is None or (facts.agent.reply is not None and facts.automatic):
            return False
        boundary = facts.rules.interruption.end_boundary
        near_end = facts.now - self._last_sign() <= boundary + TOLERANCE
        if near_end or aside is DropReason.AGENT_PROTECTED or not facts.automatic:
            facts.turn.aside = None
            return False
        self.drop(aside)
        return True

    def _last_sign(self) -> float:
        facts = self._facts
        if facts.voice.speaking:
            return facts.now
        return max(facts.turn.ended_at or 0.0, facts.turn.heard_at)
