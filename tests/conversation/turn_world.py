"""A small world around TurnMachine: a user, an STT, an end-of-turn model, and a session that does
what it is told. It knows what was really heard, and what became of each turn.

Everything that happens is planned beforehand (`Plan`) but for what the machine orders. Time is
virtual: a heap of instants. The world checks the machine's every word against what is so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count, cycle

from msgspec import Struct

from agentd.voice.turns import actions as act
from agentd.voice.turns import inputs as tell
from agentd.voice.turns.backchannel import normalise
from agentd.voice.turns.machine import TurnMachine
from agentd.voice.turns.options import TurnRules
from agentd.voice.turns.setup import TurnSetup

VAD_START = 0.1
VAD_SILENCE = 0.3
CUT_TAKES = 0.05
NEVER = 1e9
END = 600.0
"""All conversations are over long before this; a world that is not, hangs."""


class Utterance(Struct, frozen=True, kw_only=True):
    """One stretch of the user's speech."""

    gap: float
    length: float
    text: str
    """What the STT makes of it; empty for an empty final."""
    final_after: float | None
    """From its end to the final transcript, less than 0 where it comes before; None for never."""
    interim: bool = False
    seen_by_vad: bool = True
    stt_marks: bool = True


class Answer(Struct, frozen=True, kw_only=True):
    """What the session makes of a turn, or what it says of its own."""

    hook: float
    think: float
    length: float
    interruptible: bool | None = None
    silent: bool = False
    """Whether no reply comes."""
    leaks: bool = False
    """Whether it gets out although it is held, as when both happen at once."""


class Prediction(Struct, frozen=True, kw_only=True):
    """The end-of-turn model's answer; None as delay for none, None as probability for an error."""

    delay: float | None
    probability: float | None


class Happening(Struct, frozen=True, kw_only=True):
    """Something else at some time."""

    at: float
    what: str


class Plan(Struct, frozen=True, kw_only=True):
    """One conversation."""

    rules: TurnRules
    setup: TurnSetup
    later_rules: TurnRules
    later_setup: TurnSetup
    utterances: list[Utterance]
    answers: list[Answer]
    predictions: list[Prediction]
    says: list[tuple[float, Answer]]
    happenings: list[Happening]


class Speech:
    """One speech of the agent's, as it really goes."""

    def __init__(self, speech_id: str, answer: Answer, turn_id: int | None) -> None:
        self.id = speech_id
        self.answer = answer
        self.turn_id = turn_id
        self.protected = False
        self.ready = False
        self.held = False
        self.paused = False
        self.cut = False
        self.played = 0.0
        self.playing_since: float | None = None

    def heard(self, now: float) -> float:
        """Seconds that were really heard."""
        return self.played + (0.0 if self.playing_since is None else now - self.playing_since)


class World:
    """Runs a plan to its end, checking as it goes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.setup = plan.setup
        self.rules = plan.rules
        self.now = 0.0
        self.machine = TurnMachine(plan.rules, plan.setup, now=0.0)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._answers = cycle(plan.answers)
        self._predictions = cycle(plan.predictions)
        self._ids = count(1)
        self._timers: dict[act.TimerName, float] = {}
        self._queue: list[Speech] = []
        self.current: Speech | None = None
        self.user_state = "listening"
        self.agent_state = "listening"
        self.deaf = False
        self.left = False
        self.said: list[str] = []
        """Final texts, as the machine told them."""
        self.saying = ""
        """Interim text that is not final yet."""
        self.ended: list[str] = []
        """Texts of turns, however they ended."""
        self.open_turns: set[int] = set()
        """Committed, and neither answered nor dropped."""
        self.void_turns: set[int] = set()
        self.generation: int | None = None
        self.manual_requests = 0
        self.log: list[str] = []

    # -- running

    def run(self) -> None:
        """The whole conversation, then a clear by hand, so that nothing stays open."""
        self._plan_user()
        for at, answer in self.plan.says:
            self._at(at, lambda answer=answer: self._say(answer, None))  # type: ignore[misc]
        for happening in self.plan.happenings:
            self._at(happening.at, lambda what=happening.what: self._happen(what))  # type: ignore[misc]
        self._at(0.0, lambda: self.tell(tell.ParticipantPresent(at=self.now, present=True)))
        self._run_all()
        self.tell(tell.AudioMuted(at=self.now, muted=True))
        self._run_all()
        self.tell(tell.ManualClear(at=self.now))
        self._run_all()

    def _run_all(self) -> None:
        while self._heap:
            self.now, _, happen = heapq.heappop(self._heap)
            assert self.now < END, "it never ends"
            happen()

    def _at(self, at: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (max(at, self.now), next(self._order), happen))

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self._at(self.now + seconds, happen)

    def tell(self, event: tell.TurnInput) -> None:
        """Hand an input over, and do what comes of it."""
        self.log.append(f"{self.now:.3f} {event}")
        for action in self.machine.handle(event):
            self.log.append(f"      {action}")
            self._do(action)
        self._check()

    # -- the user, the STT

    def _plan_user(self) -> None:
        at, last_final = 0.0, 0.0
        for utterance in self.plan.utterances:
            started_at = at + utterance.gap
            at = started_at + utterance.length
            self._plan_sound(utterance, started_at, at)
            if utterance.interim and utterance.text:
                word = utterance.text.split()[0]
                self._at(started_at + 0.05, lambda word=word: self._interim(word))  # type: ignore[misc]
            if utterance.final_after is not None:
                last_final = max(last_final + 0.01, at + utterance.final_after, started_at)
                text = utterance.text
                self._at(last_final, lambda text=text: self._final(text))  # type: ignore[misc]

    def _plan_sound(self, utterance: Utterance, started_at: float, ended_at: float) -> None:
        if utterance.seen_by_vad:
            self._at(
                started_at + VAD_START,
                lambda: self.tell(tell.VadSpeechStarted(at=self.now, started_at=started_at)),
            )
            self._at(
                ended_at + VAD_SILENCE,
                lambda: self.tell(tell.VadSpeechEnded(at=self.now, ended_at=ended_at)),
            )
        if utterance.stt_marks:
            self._at(started_at + 0.02, lambda: self.tell(tell.SttSpeechStarted(at=self.now)))
            self._at(ended_at + 0.1, lambda: self.tell(tell.SttSpeechEnded(at=self.now)))

    def _interim(self, text: str) -> None:
        if not self.deaf and self.setup.has_stt:
            self.saying = ""
            self.tell(tell.SttInterim(at=self.now, text=text))

    def _final(self, text: str) -> None:
        if not self.deaf and self.setup.has_stt:
            self.saying = ""
            self.tell(tell.SttFinal(at=self.now, text=text))

    # -- the session

    def _say(self, answer: Answer, turn_id: int | None) -> None:
        self._queue.append(Speech(f"s{next(self._ids)}", answer, turn_id))
        self._next_speech()

    def _next_speech(self) -> None:
        if self.current is not None or not self._queue:
            return
        speech = self.current = self._queue.pop(0)
        wanted = speech.answer.interruptible
        interruptible = self.rules.interruption.enabled if wanted is None else wanted
        speech.protected = not interruptible
        if speech.turn_id is not None:
            self.open_turns.discard(speech.turn_id)
        self.tell(
            tell.ReplyScheduled(
                at=self.now, speech_id=speech.id, turn_id=speech.turn_id, interruptible=wanted
            )
        )
        if not speech.cut:
            self.tell(tell.ReplyThinking(at=self.now, speech_id=speech.id))
            self._after(speech.answer.think, lambda: self._ready(speech))

    def _ready(self, speech: Speech) -> None:
        if speech.cut:
            return
        speech.ready = True
        if not speech.held or (speech.answer.leaks and self.setup.can_pause):
            self._play(speech)

    def _play(self, speech: Speech) -> None:
        leaked = speech.held
        self._start(speech)
        self.tell(tell.ReplyAudible(at=self.now, speech_id=speech.id))
        assert not leaked or speech.paused or speech.cut or not speech.held, "a leak goes on"

    def _start(self, speech: Speech) -> None:
        speech.playing_since = self.now
        remaining = speech.answer.length - speech.played
        self._after(remaining, lambda since=self.now: self._finish(speech, since))  # type: ignore[misc]

    def _finish(self, speech: Speech, since: float) -> None:
        if speech.playing_since == since and not speech.cut:
            speech.played, speech.playing_since = speech.answer.length, None
            self._end(speech, interrupted=False)

    def _stop(self, speech: Speech) -> None:
        speech.played, speech.playing_since = speech.heard(self.now), None

    def _end(self, speech: Speech, *, interrupted: bool) -> None:
        self.current = None
        self.tell(tell.ReplyEnded(at=self.now, speech_id=speech.id, interrupted=interrupted))
        self._next_speech()

    def _take_turn(self, turn_id: int, answer: Answer) -> None:
        if answer.silent:
            if turn_id in self.open_turns:  # else it was superseded, and the reason is told
                self.open_turns.discard(turn_id)
                self.void_turns.add(turn_id)
            self.tell(tell.TurnUnanswered(at=self.now, turn_id=turn_id, reason="silent"))
        else:
            self._say(answer, turn_id)

    # -- other things

    def _happen(self, what: str) -> None:
        match what:
            case "mute" | "unmute":
                self.tell(tell.AudioMuted(at=self.now, muted=what == "mute"))
            case "leave" | "come":
                self.left = what == "leave"
                self.tell(tell.ParticipantPresent(at=self.now, present=what == "come"))
            case "commit" | "note":
                self.manual_requests = 1
                self.tell(tell.ManualCommit(at=self.now, skip_reply=what == "note"))
            case "clear":
                self.tell(tell.ManualClear(at=self.now))
            case "active":
                self.tell(tell.UserActive(at=self.now))
            case "tools" | "no tools":
                self.tell(tell.ToolsRunning(at=self.now, running=what == "tools"))
            case "handoff":
                self.tell(tell.HandoffStarted(at=self.now))
                self._after(0.7, self._change_rules)
            case "rules":
                self._change_rules()
            case _:
                self._happen_to_speech(what)

    def _change_rules(self) -> None:
        self.rules, self.setup = self.plan.later_rules, self.plan.later_setup
        self.tell(tell.RulesChanged(at=self.now, rules=self.rules, setup=self.setup))

    def _happen_to_speech(self, what: str) -> None:
        speech = self.current
        if speech is None or speech.cut:
            return
        if what == "interrupt":
            speech.cut = True
            self._stop(speech)
            self._end(speech, interrupted=True)
        else:
            speech.protected = what == "protect"
            self.tell(
                tell.ReplyProtection(
                    at=self.now, speech_id=speech.id, interruptible=not speech.protected
                )
            )

    # -- the machine's orders

    def _do(self, action: act.TurnAction) -> None:
        match action:
            case act.SetTimer(name=name, at=at):
                assert at >= self.now, "a timer of the past"
                self._timers[name] = at
                self._at(at, lambda: self._fire(name, at))
            case act.CancelTimer(name=name):
                del self._timers[name]
            case act.SetUserState(state=user_state):
                assert user_state != self.user_state, "a change that is none"
                assert (self.user_state, user_state) != ("speaking", "away")
                self.user_state = user_state
            case act.SetAgentState(state=agent_state):
                assert agent_state != self.agent_state, "a change that is none"
                self.agent_state = agent_state
            case act.FeedSilence(on=on):
                assert on != self.deaf
                self.deaf = on
            case act.AskEndOfTurn(request_id=request_id):
                self._predict(request_id)
            case act.StartPreemptive() | act.DropPreemptive():
                self._do_preemptive(action)
            case _:
                self._do_more(action)

    def _do_more(self, action: act.TurnAction) -> None:
        match action:
            case act.UserInputTranscribed(text=text, is_final=is_final):
                self.saying = "" if is_final else text
                self.said += [text] if is_final else []
            case act.CommitTurn():
                self._commit(action)
            case act.UserTurnExceeded():
                self._exceed(action)
            case act.TurnDropped():
                self._drop(action)
            case act.HoldReply() | act.ReleaseReply() | act.PauseReply() | act.ResumeReply():
                self._do_to_speech(action)
            case act.InterruptReply():
                self._interrupt(action)
            case _:
                pass

    def _fire(self, name: act.TimerName, at: float) -> None:
        if self._timers.get(name) == at:
            del self._timers[name]
            self.tell(tell.TimerFired(at=self.now, name=name, due_at=at))
        else:
            # a loop may have it in hand already when it is cancelled
            late = tell.TimerFired(at=self.now, name=name, due_at=at)
            assert self.machine.handle(late) == [], "a cancelled timer acts"

    def _predict(self, request_id: int) -> None:
        prediction = next(self._predictions)
        if prediction.delay is None:
            return
        if prediction.probability is None:
            failed = lambda: self.tell(tell.EndOfTurnFailed(at=self.now, request_id=request_id))  # noqa: E731
            self._after(prediction.delay, failed)
            return
        probability = prediction.probability
        self._after(
            prediction.delay,
            lambda: self.tell(
                tell.EndOfTurnPredicted(
                    at=self.now, request_id=request_id, probability=probability, threshold=0.5
                )
            ),
        )

    def _do_preemptive(self, action: act.StartPreemptive | act.DropPreemptive) -> None:
        if isinstance(action, act.StartPreemptive):
            assert self.generation is None, "two generations at once"
            self.generation = action.generation_id
        else:
            assert self.generation == action.generation_id
            self.generation = None

    def _do_to_speech(
        self, action: act.HoldReply | act.ReleaseReply | act.PauseReply | act.ResumeReply
    ) -> None:
        speech = self.current
        assert speech is not None
        assert speech.id == action.speech_id
        assert not speech.cut
        match action:
            case act.HoldReply():
                assert not speech.protected
                assert speech.playing_since is None, "held while it is heard"
                speech.held = True
            case act.ReleaseReply():
                assert speech.held
                speech.held = False
                if speech.ready:
                    self._after(0.0, lambda: self._play_released(speech))
            case act.PauseReply():
                assert not speech.protected
                assert self.setup.can_pause
                assert speech.playing_since is not None
                self._stop(speech)
                speech.paused = True
            case act.ResumeReply():
                assert speech.paused
                speech.paused = speech.held = False
                self._start(speech)

    def _play_released(self, speech: Speech) -> None:
        if not speech.held and not speech.cut and speech.playing_since is None:
            self._play(speech)

    def _interrupt(self, action: act.InterruptReply) -> None:
        speech = self.current
        assert speech is not None
        assert speech.id == action.speech_id
        assert not speech.cut, "cut twice"
        superseded = action.reason is act.InterruptReason.SUPERSEDED
        assert superseded or not speech.protected, "protected speech is cut"
        assert action.audible_duration <= speech.heard(self.now) + 1e-6, "more than was heard"
        assert action.audible_duration >= speech.heard(self.now) - 1e-6, "less than was heard"
        self._stop(speech)
        speech.cut = True
        self._after(CUT_TAKES, lambda: self._end(speech, interrupted=True))

    # -- turns

    def _commit(self, action: act.CommitTurn) -> None:
        self.ended.append(action.text)
        if action.manual:
            assert self.manual_requests, "nobody asked"
            self.manual_requests = 0
        assert action.preemptive in (None, self.generation)
        if action.preemptive is not None or action.skip_reply:
            self.generation = None if action.preemptive is not None else self.generation
        if not (action.manual or self.left):
            assert self.user_state != "speaking", "the user has not finished"
            ended_at = action.timing.ended_at
            if ended_at is not None and self.rules.endpointing.mode == "fixed":
                delay = action.timing.committed_at - ended_at
                assert delay >= self.rules.endpointing.min_delay - 1e-5, "too early"
        if not action.skip_reply:
            self._owe(action.turn_id)

    def _exceed(self, action: act.UserTurnExceeded) -> None:
        self.ended.append(action.text)
        self._owe(action.turn_id)

    def _owe(self, turn_id: int) -> None:
        assert self.generation is None, "a generation for nobody"
        assert self.current is None or self.current.cut, "a turn, and the agent still has the word"
        assert not self.open_turns, "two turns at once"
        self.open_turns.add(turn_id)
        answer = next(self._answers)
        self._after(answer.hook, lambda: self._take_turn(turn_id, answer))

    def _drop(self, action: act.TurnDropped) -> None:
        if action.manual:
            assert self.manual_requests, "nobody asked"
            self.manual_requests = 0
        if action.reason is act.DropReason.CLEARED:
            self.said += [self.saying]  # forgotten as it is
        self.saying = ""
        if action.turn_id is None:
            self.ended.append(action.text)
        elif action.reason is not act.DropReason.PARTICIPANT_LEFT:
            known = self.open_turns | self.void_turns
            assert action.turn_id in known, "a turn that is already settled"
            self.open_turns.discard(action.turn_id)
            self.void_turns.discard(action.turn_id)

    # -- what must hold

    def _check(self) -> None:
        speech = self.current
        heard = speech is not None and speech.playing_since is not None
        assert (self.agent_state == "speaking") == heard, "a wrong word on who speaks"

    def check_end(self) -> None:
        """What must hold when all is over."""
        assert not self._timers, "a timer without a purpose"
        assert not self.open_turns, "a turn without an answer or a reason"
        assert not self.void_turns, "a reason that was not told"
        assert self.current is None, "a speech that nobody lets go on"
        assert not self._queue
        assert self.generation is None
        assert not self.manual_requests, "a request without an answer"
        assert not self.deaf
        assert self.agent_state == "listening"
        assert self.user_state != "speaking"

    def check_text(self) -> None:
        """Nothing that was understood is lost, and nothing is taken twice."""
        assert normalise(" ".join(self.ended)) == normalise(" ".join(self.said))
