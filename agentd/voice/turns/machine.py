"""TurnMachine: who has the word. Inputs in, actions out; no clock, no I/O, no tasks.

An input changes facts (what is being said and heard); then rules look at the facts as they are and
say what is to be done. So most rules need not know which input came last, a timer only makes them
look again, and which timers are set follows from the facts as well.
"""

from __future__ import annotations

from .actions import (
    AgentState,
    DropReason,
    FeedSilence,
    InterruptReason,
    SetAgentState,
    SetUserState,
    TimerName,
    TurnAction,
    TurnDropped,
    UserState,
)
from .facts import TurnFacts
from .inputs import (
    HandoffStarted,
    ManualClear,
    ModelSpeechStarted,
    ParticipantPresent,
    ReplyAudible,
    RulesChanged,
    SttFinal,
    SttPreflight,
    TimerFired,
    TurnInput,
    UserActive,
)
from .interruption import Trigger
from .keeper import TurnKeeper
from .options import TurnRules
from .overlap import Overlap
from .presence import Presence
from .setup import TurnSetup
from .untranscribed import Untranscribed


class TurnMachine:
    """Turn-taking of one session. One input at a time; never raises.

    `now` is the loop's clock when it is made. There is no user before ParticipantPresent.
    """

    def __init__(self, rules: TurnRules, setup: TurnSetup, *, now: float) -> None:
        self._facts = TurnFacts(rules, setup, now=now)
        self._overlap = Overlap(self._facts)
        self._keeper = TurnKeeper(self._facts)
        self._presence = Presence(self._facts)
        self._untranscribed = Untranscribed(self._facts)
        self._user_state: UserState = "listening"
        self._agent_state: AgentState = "listening"
        self._silence = False

    def handle(self, event: TurnInput) -> list[TurnAction]:
        """Take the next input; gives what is to be done now, in order."""
        facts = self._facts
        facts.now = max(facts.now, event.at)
        if isinstance(event, TimerFired):
            if not facts.out.fire(event.name, event.due_at):
                return []
            # a loop's timer may come a little early, by the clock's resolution
            facts.now = max(facts.now, event.due_at)
        self._decide(self._note(event))
        return facts.out.take()

    # -- facts

    def _note(self, event: TurnInput) -> Trigger:
        facts = self._facts
        was_speaking = facts.voice.speaking
        self._note_agent(event)
        self._note_session(event)
        facts.voice.take(event)
        self._lapse()
        if facts.voice.speaking != was_speaking:
            self._note_voice()
        self._keeper.end.take(event)
        self._keeper.manual.take(event)
        return self._note_text(event)

    def _lapse(self) -> None:
        """An STT that is the only one to tell of speech, and does not say when that ends."""
        due = self._lapses_at()
        if due is not None and self._facts.now >= due:
            voice = self._facts.voice
            voice.stop(self._facts.now, ended_at=voice.stt_at)

    def _lapses_at(self) -> float | None:
        facts = self._facts
        if not facts.voice.speaking or not facts.voice.stt_tells:
            return None
        return facts.voice.stt_at + facts.endpointing.max_delay + facts.rules.transcript_wait

    def _note_voice(self) -> None:
        facts = self._facts
        voice, turn = facts.voice, facts.turn
        self._keeper.end.forget()
        if voice.speaking:
            if turn.aside is DropReason.BACKCHANNEL:
                self._keeper.drop(DropReason.BACKCHANNEL)
            turn.begin_speech()
            facts.endpointing.speech_started(voice.started_at)
            self._untranscribed.speech_started()
        else:
            to_agent = not self._only_noise()
            turn.end_speech(is_turn=to_agent)
            facts.endpointing.speech_ended(voice.ended_at, counts=to_agent)
            self._untranscribed.speech_ended(deaf=self._silence)

    def _only_noise(self) -> bool:
        """Whether the speech that has just ended was said over the agent and did not stop it; or,
        where no text can tell, was too short to mean that what is to come be not said."""
        facts = self._facts
        if facts.agent.speaking or not facts.automatic:
            return facts.automatic
        short = facts.voice.voiced(facts.now) < facts.rules.interruption.min_duration
        return facts.agent.reply is not None and not facts.setup.has_stt and short

    def _note_text(self, event: TurnInput) -> Trigger:
        facts = self._facts
        news = facts.turn.take(event)
        if not news:
            return "voice"
        facts.out.add(*news)
        if facts.turn.aside is not DropReason.AGENT_PROTECTED:
            facts.turn.aside = None
        if facts.setup.detector == "text":
            self._keeper.end.forget()
        if isinstance(event, SttFinal):
            self._presence.sign_of_life()
            self._untranscribed.transcribed()
        if facts.setup.mode == "realtime_llm" and not self._keeper.manual.pending:
            facts.turn.close(facts.now)  # the model keeps its own
        elif isinstance(event, SttFinal | SttPreflight):
            self._keeper.preemptive.consider()
        return "final" if isinstance(event, SttFinal) else "interim"

    def _note_agent(self, event: TurnInput) -> None:
        facts = self._facts
        agent = facts.agent
        agent.take(event, interruptible=facts.rules.interruption.enabled)
        if agent.dropped is not None:
            turn_id, detail = agent.dropped.turn_id, agent.dropped.reason
            facts.out.add(TurnDropped(reason=DropReason.UNANSWERED, turn_id=turn_id, detail=detail))
        if agent.stale is not None:
            facts.interrupt(agent.stale, InterruptReason.SUPERSEDED)
        if isinstance(event, ReplyAudible) and agent.speaking:
            self._note_agent_heard()
        if isinstance(event, ModelSpeechStarted) and facts.setup.mode == "realtime_llm":
            self._note_model_stopped()

    def _note_agent_heard(self) -> None:
        facts = self._facts
        self._keeper.limit.agent_heard()
        facts.endpointing.agent_heard(facts.now)
        if facts.warm_at is None and facts.rules.aec_warmup_duration:
            facts.warm_at = facts.now + facts.rules.aec_warmup_duration

    def _note_model_stopped(self) -> None:
        reply = self._facts.agent.reply
        if reply is not None and reply.interruptible:
            self._facts.interrupt(reply, InterruptReason.MODEL)

    def _note_session(self, event: TurnInput) -> None:
        match event:
            case UserActive():
                self._presence.sign_of_life()
            case ParticipantPresent(present=present):
                self._note_participant(present)
            case ManualClear() if self._facts.turn.has_text or self._keeper.manual.pending:
                self._keeper.drop(DropReason.CLEARED)
            case ManualClear():
                self._keeper.close()
            case HandoffStarted():
                self._facts.handing_off = True
                self._keeper.preemptive.drop()
                self._keeper.end.forget()
            case RulesChanged(rules=rules, setup=setup):
                self._change(rules, setup)
            case _:
                pass

    def _note_participant(self, present: bool) -> None:
        facts = self._facts
        facts.left = not present and (facts.present or facts.left)
        facts.present = present
        if present:
            self._presence.sign_of_life()

    def _change(self, rules: TurnRules, setup: TurnSetup) -> None:
        facts = self._facts
        facts.rules, facts.setup = rules, setup
        facts.voice.change(setup, facts.now)
        facts.endpointing.change(rules.endpointing)
        facts.handing_off = False
        if not rules.aec_warmup_duration:
            facts.warm_at = None
        self._keeper.end.forget()
        self._keeper.preemptive.drop()
        if setup.mode == "realtime_llm" and facts.turn.has_text:
            self._keeper.drop(DropReason.CLEARED)

    # -- rules

    def _decide(self, trigger: Trigger) -> None:
        self._tell_user_state()
        self._overlap.react(trigger)
        dropped = self._keeper.decide()
        self._overlap.resolve(at_once=dropped, expecting=self._keeper.manual.pending)
        self._untranscribed.look()
        self._presence.look()
        self._tell_user_state()
        self._tell_agent_state()
        self._feed_silence()
        self._facts.out.want(self._timers())

    def _tell_user_state(self) -> None:
        state = self._presence.user_state
        if state != self._user_state:
            self._user_state = state
            self._facts.out.add(SetUserState(state=state))

    def _tell_agent_state(self) -> None:
        state = self._facts.agent.state
        if state != self._agent_state:
            self._agent_state = state
            self._facts.out.add(SetAgentState(state=state))

    def _feed_silence(self) -> None:
        facts = self._facts
        reply = facts.agent.reply
        protected = reply is not None and not reply.interruptible
        discard = protected and facts.rules.interruption.discard_audio_if_uninterruptible
        if (facts.warming_up or discard) != self._silence:
            self._silence = not self._silence
            facts.out.add(FeedSilence(on=self._silence))

    def _timers(self) -> dict[TimerName, float | None]:
        keeper = self._keeper
        wanted = self._overlap.timers(expecting=keeper.manual.pending)
        if keeper.verdict.timer is not None:
            wanted[keeper.verdict.timer] = keeper.verdict.at
        wanted[TimerName.TRANSCRIPT] = _earliest(
            wanted.get(TimerName.TRANSCRIPT), keeper.manual.timer(), self._lapses_at()
        )
        wanted[TimerName.TRANSCRIPTION] = self._untranscribed.timer()
        wanted[TimerName.TURN_LIMIT] = keeper.limit.timer()
        wanted[TimerName.AWAY] = self._presence.timer()
        wanted[TimerName.AEC_WARMUP] = self._facts.warm_at if self._facts.warming_up else None
        return wanted


def _earliest(*instants: float | None) -> float | None:
    known = [at for at in instants if at is not None]
    return min(known) if known else None
