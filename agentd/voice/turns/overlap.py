"""The user speaks while the agent does, or is about to: hold, pause, cut off, go on."""

from __future__ import annotations

from .actions import (
    AgentFalseInterruption,
    HoldReply,
    InterruptReason,
    OverlappingSpeech,
    PauseReply,
    ReleaseReply,
    ResumeReply,
    TimerName,
)
from .agent_speech import Reply
from .facts import TurnFacts
from .interruption import TOLERANCE, Trigger, judge_interruption, why_not_a_turn

HOLD_WAIT = 1.0
"""How long after the user's speech a reply is held for the text of an STT that tells no interim
results. With interim results, speech without any text by its end is taken for none."""


class Overlap:
    """What becomes of the current speech while the user is heard.

    A speech that is not audible yet is held as soon as the user makes a sound; one that is audible
    goes on until the sound is an interruption. It is then paused where the output can, since most
    interruptions are coughs and `uh-huh`s, and cut off when a turn comes of it.
    """

    def __init__(self, facts: TurnFacts) -> None:
        self._facts = facts
        self._overlap_at: float | None = None
        """Since when the user speaks over what is heard; None where nobody does, or it is told."""
        self._overlapped = ""
        """The speech that is spoken over."""
        self._cut: str | None = None
        """The speech that was cut off, until it is known whether anything follows."""
        self._cut_at = 0.0

    # -- when the user is heard

    def react(self, trigger: Trigger) -> None:
        """Look at the current speech after any input."""
        reply = self._facts.agent.reply
        if reply is not None:
            self._keep_hold(reply)
        if reply is not None and self._facts.can_be_stopped(reply):
            self._hold(reply)
            self._note_overlap(reply)
            if reply.speaking and self._is_interruption(trigger):
                self._stop(reply)
        self._end_overlap()

    def _keep_hold(self, reply: Reply) -> None:
        """A held speech became audible in the moment that the order was given."""
        if not reply.held or not reply.speaking:
            return
        if self._facts.setup.can_pause:
            reply.pause(self._facts.now)
            self._facts.out.add(PauseReply(speech_id=reply.speech_id))
        else:
            reply.held = False

    def _hold(self, reply: Reply) -> None:
        under_way = reply.audible or reply.held or reply.paused
        if self._facts.voice.speaking and not under_way:
            reply.held = True
            self._facts.out.add(HoldReply(speech_id=reply.speech_id))

    def _is_interruption(self, trigger: Trigger) -> bool:
        facts = self._facts
        return judge_interruption(
            trigger,
            rules=facts.rules.interruption,
            setup=facts.setup,
            voiced=facts.voice.voiced(facts.now) if facts.voice.speaking else None,
            text=facts.turn.whole_text,
        )

    def _stop(self, reply: Reply) -> None:
        facts = self._facts
        rules = facts.rules.interruption
        started_at = facts.now if self._overlap_at is None else self._overlap_at
        self._overlap_at = None
        can_resume = rules.resume_false_interruption and facts.setup.can_pause
        if can_resume and rules.false_interruption_timeout is not None:
            reply.pause(facts.now)
            facts.out.add(PauseReply(speech_id=reply.speech_id))
        else:
            facts.interrupt(reply, InterruptReason.SPEECH)
            if rules.false_interruption_timeout is not None:
                self._cut, self._cut_at = reply.speech_id, facts.now
        self._tell_overlap(reply.speech_id, started_at, is_interruption=True)

    # -- news of it

    def _note_overlap(self, reply: Reply) -> None:
        if self._overlap_at is None and reply.speaking and self._facts.voice.speaking:
            self._overlap_at = max(self._facts.voice.started_at, reply.heard_since or 0.0)
            self._overlapped = reply.speech_id

    def _end_overlap(self) -> None:
        if self._overlap_at is None:
            return
        if self._facts.agent.speaking and self._facts.voice.speaking:
            return
        started_at, self._overlap_at = self._overlap_at, None
        self._tell_overlap(self._overlapped, started_at, is_interruption=False)

    def _tell_overlap(self, speech_id: str, started_at: float, *, is_interruption: bool) -> None:
        self._facts.out.add(
            OverlappingSpeech(
                speech_id=speech_id, started_at=started_at, is_interruption=is_interruption
            )
        )

    # -- when nothing (more) is to be expected of the user

    def resolve(self, *, at_once: bool, expecting: bool) -> None:
        """Let a held or paused speech go on, when nothing came of what it was stopped for.

        `at_once`: the turn that stopped it was just dropped. `expecting`: a turn is still coming.
        """
        facts = self._facts
        quiet = not facts.voice.speaking and not facts.turn_open and not expecting
        reply = facts.agent.reply
        if reply is not None or facts.turn.closed_at >= self._cut_at:
            self._cut = None  # something followed
        if reply is not None:
            if not reply.interruptible or not facts.automatic:
                self._go_on(reply)
            elif quiet and (at_once or self._passed(self._go_on_due(reply))):
                self._go_on(reply, was_false=reply.paused and not reply.held)
        elif self._cut is not None and quiet and self._passed(self._cut_due()):
            facts.out.add(AgentFalseInterruption(speech_id=self._cut, resumed=False))
            self._cut = None

    def timers(self, *, expecting: bool) -> dict[TimerName, float | None]:
        """When to look again."""
        facts = self._facts
        wanted: dict[TimerName, float | None] = {TimerName.INTERRUPTION: self._long_enough_at()}
        if facts.voice.speaking or facts.turn_open or expecting:
            return wanted
        reply = facts.agent.reply
        if reply is not None and reply.held:
            wanted[TimerName.RELEASE] = self._go_on_due(reply)
        elif reply is not None and reply.paused:
            wanted[TimerName.FALSE_INTERRUPTION] = self._go_on_due(reply)
        elif self._cut is not None:
            wanted[TimerName.FALSE_INTERRUPTION] = self._cut_due()
        return wanted

    def _go_on(self, reply: Reply, *, was_false: bool = False) -> None:
        out = self._facts.out
        if reply.paused:
            reply.resume(self._facts.now)
            out.add(ResumeReply(speech_id=reply.speech_id))
        elif reply.held:
            out.add(ReleaseReply(speech_id=reply.speech_id))
        reply.held = False
        if was_false:
            out.add(AgentFalseInterruption(speech_id=reply.speech_id, resumed=True))

    def _long_enough_at(self) -> float | None:
        facts = self._facts
        reply = facts.agent.reply
        if reply is None or not reply.speaking or not facts.can_be_stopped(reply):
            return None
        if not facts.setup.has_vad:
            return None
        if why_not_a_turn(facts.turn.whole_text, rules=facts.rules.interruption, setup=facts.setup):
            return None  # only text can change that
        at = facts.voice.voiced_at(facts.rules.interruption.min_duration)
        return at if at is not None and at > facts.now else None

    def _release_due(self) -> float:
        facts = self._facts
        voiced = facts.voice.voiced(facts.now)
        text_may_come = facts.setup.has_stt and not facts.setup.interim_results
        meant = voiced + TOLERANCE >= facts.rules.interruption.min_duration
        if text_may_come and meant and not facts.turn.finalised:
            return facts.voice.stopped_at + HOLD_WAIT
        return facts.voice.stopped_at

    def _go_on_due(self, reply: Reply) -> float:
        if reply.held:
            return self._release_due()
        return self._last_sign(reply.paused_at or 0.0) + self._timeout

    def _cut_due(self) -> float:
        return self._last_sign(self._cut_at) + self._timeout

    def _last_sign(self, stopped_at: float) -> float:
        facts = self._facts
        return max(facts.voice.stopped_at, facts.turn.heard_at, stopped_at)

    @property
    def _timeout(self) -> float:
        # None only where the rules have changed since
        return self._facts.rules.interruption.false_interruption_timeout or 0.0

    def _passed(self, at: float) -> bool:
        return self._facts.now + TOLERANCE >= at
