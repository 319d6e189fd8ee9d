"""Timed conversations with TurnMachine, written down as a script that reads like one.

    1.1 > voice from 1
          user speaking
    2.5 > silence from 2
          user listening
          timer endpointing 2.7
    2.7 ! endpointing
          commit 1 "hello" from 1 to 2 text 2.3

A line with `>` is an input, one with `!` is a timer that fires, and what is indented under it is
what the machine does then, all of it, in order. `play` takes the inputs alone and writes the whole
script; a test compares the two. Inputs come before timers of the same instant. After the last input
time goes on until no timer is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from agentd.voice.turns import actions as act
from agentd.voice.turns import inputs as tell
from agentd.voice.turns.machine import TurnMachine
from agentd.voice.turns.options import TurnRules
from agentd.voice.turns.setup import TurnSetup

MOST_TIMERS = 200
"""A script in which more fire has a timer that sets itself for ever."""


class Scenario(Struct, frozen=True, kw_only=True):
    """One row of a table."""

    name: str
    promise: str
    script: str
    rules: TurnRules
    setup: TurnSetup = TurnSetup()
    later_rules: TurnRules | None = None
    """What `rules change` means."""
    later_setup: TurnSetup | None = None


def play(scenario: Scenario) -> str:
    """Run the inputs of a scenario's script; gives the script as it really goes."""
    return "\n".join(_Run(scenario).lines())


def tidy(script: str) -> str:
    """A script as it is compared: without the indentation that Python source gives it."""
    return "\n".join(" ".join(line.split()) for line in script.splitlines() if line.strip())


class _Run:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._machine = TurnMachine(scenario.rules, scenario.setup, now=0.0)
        self._timers: dict[act.TimerName, float] = {}

    def lines(self) -> Iterator[str]:
        # most scenarios are about somebody who is there
        self._handle(tell.ParticipantPresent(at=0.0, present=True))
        for at, words in inputs_of(self._scenario.script):
            yield from self._fire(before=at)
            yield f"{_number(at)} > {words}"
            yield from self._handle(parse_input(at, words, self._scenario))
        yield from self._fire(before=float("inf"))

    def _fire(self, *, before: float) -> Iterator[str]:
        for _ in range(MOST_TIMERS):
            if not self._timers:
                return
            name = min(self._timers, key=lambda name: self._timers[name])
            due_at = self._timers[name]
            if due_at >= before:
                return
            del self._timers[name]
            yield f"{_number(due_at)} ! {name}"
            yield from self._handle(tell.TimerFired(at=due_at, name=name, due_at=due_at))
        raise AssertionError(f"timers that never end: {self._timers}")

    def _handle(self, event: tell.TurnInput) -> list[str]:
        actions = self._machine.handle(event)
        for action in actions:
            match action:
                case act.SetTimer(name=name, at=at):
                    self._timers[name] = at
                case act.CancelTimer(name=name):
                    del self._timers[name]
                case act.CommitTurn(timing=timing) | act.UserTurnExceeded(timing=timing):
                    assert timing.committed_at == event.at
                case _:
                    pass
        return [render(action) for action in actions]


# -- reading -------------------------------------------------------------------------


def inputs_of(script: str) -> Iterator[tuple[float, str]]:
    """The inputs of a script and when they come."""
    for line in script.splitlines():
        found = re.match(r"\s*([\d.]+) > (.*)", line)
        if found:
            yield float(found[1]), found[2].strip()


def parse_input(at: float, words: str, scenario: Scenario) -> tell.TurnInput:
    """An input from a script's words."""
    for pattern, make in INPUTS:
        found = re.fullmatch(pattern, words)
        if found:
            return make(at, found)
    if words == "rules change":
        rules = scenario.later_rules or scenario.rules
        setup = scenario.later_setup or scenario.setup
        return tell.RulesChanged(at=at, rules=rules, setup=setup)
    raise ValueError(f"no such input: {words}")


Make = Callable[[float, re.Match[str]], tell.TurnInput]

INPUTS: list[tuple[str, Make]] = [
    (r"voice from (\S+)", lambda at, m: tell.VadSpeechStarted(at=at, started_at=float(m[1]))),
    (r"silence from (\S+)", lambda at, m: tell.VadSpeechEnded(at=at, ended_at=float(m[1]))),
    (
        r"voice (pauses|returns) (\S+)",
        lambda at, m: tell.VadVoice(at=at, voiced=m[1] == "returns", changed_at=float(m[2])),
    ),
    (r"stt hears speech", lambda at, m: tell.SttSpeechStarted(at=at)),
    (r"stt hears the end", lambda at, m: tell.SttSpeechEnded(at=at)),
    (r"interim ?(.*)", lambda at, m: tell.SttInterim(at=at, text=m[1])),
    (r"preflight (.*)", lambda at, m: tell.SttPreflight(at=at, text=m[1])),
    (
        r"final \((\w+), (\S+), (\w+)\) (.*)",
        lambda at, m: tell.SttFinal(
            at=at, language=m[1], confidence=float(m[2]), speaker_id=m[3], text=m[4]
        ),
    ),
    (r"final ?(.*)", lambda at, m: tell.SttFinal(at=at, text=m[1])),
    (
        r"prediction (\d+) is (\S+) of (\S+)",
        lambda at, m: tell.EndOfTurnPredicted(
            at=at, request_id=int(m[1]), probability=float(m[2]), threshold=float(m[3])
        ),
    ),
    (r"prediction (\d+) fails", lambda at, m: tell.EndOfTurnFailed(at=at, request_id=int(m[1]))),
    (r"(muted|unmuted)", lambda at, m: tell.AudioMuted(at=at, muted=m[1] == "muted")),
    (r"model hears speech", lambda at, m: tell.ModelSpeechStarted(at=at)),
    (r"model hears the end", lambda at, m: tell.ModelSpeechEnded(at=at)),
    (
        r"late timer (\w+) (\S+)",
        lambda at, m: tell.TimerFired(at=at, name=act.TimerName(m[1]), due_at=float(m[2])),
    ),
    (
        r"reply (\w+)(?: to (\d+))?( protected| open)?",
        lambda at, m: tell.ReplyScheduled(
            at=at,
            speech_id=m[1],
            turn_id=int(m[2]) if m[2] else None,
            interruptible={" protected": False, " open": True}.get(m[3] or ""),
        ),
    ),
    (r"(\w+) thinks", lambda at, m: tell.ReplyThinking(at=at, speech_id=m[1])),
    (r"(\w+) is audible", lambda at, m: tell.ReplyAudible(at=at, speech_id=m[1])),
    (r"(\w+) is paused", lambda at, m: tell.ReplyPaused(at=at, speech_id=m[1])),
    (
        r"(\w+) becomes (protected|open)",
        lambda at, m: tell.ReplyProtection(at=at, speech_id=m[1], interruptible=m[2] == "open"),
    ),
    (
        r"(\w+) (ends|was cut)",
        lambda at, m: tell.ReplyEnded(at=at, speech_id=m[1], interrupted=m[2] == "was cut"),
    ),
    (
        r"turn (\d+) unanswered: (.*)",
        lambda at, m: tell.TurnUnanswered(at=at, turn_id=int(m[1]), reason=m[2]),
    ),
    (r"tools (run|stop)", lambda at, m: tell.ToolsRunning(at=at, running=m[1] == "run")),
    (
        r"commit by hand(?: within (\S+))?( unanswered)?",
        lambda at, m: tell.ManualCommit(
            at=at, transcript_timeout=float(m[1] or 2.0), skip_reply=bool(m[2])
        ),
    ),
    (r"clear by hand", lambda at, m: tell.ManualClear(at=at)),
    (r"sign of life", lambda at, m: tell.UserActive(at=at)),
    (
        r"participant (comes|leaves)",
        lambda at, m: tell.ParticipantPresent(at=at, present=m[1] == "comes"),
    ),
    (r"handoff", lambda at, m: tell.HandoffStarted(at=at)),
]

# -- writing -------------------------------------------------------------------------


def render(action: act.TurnAction) -> str:
    """An action in a script's words."""
    return f"  {_order(action) or _news(action)}"


def _order(action: act.TurnAction) -> str:
    match action:
        case act.SetTimer(name=name, at=at):
            return f"timer {name} {_number(at)}"
        case act.CancelTimer(name=name):
            return f"timer {name} off"
        case act.SetUserState(state=state):
            return f"user {state}"
        case act.SetAgentState(state=state):
            return f"agent {state}"
        case act.AskEndOfTurn(request_id=request_id, text=text):
            return f'ask {request_id} "{text}"'
        case act.FeedSilence(on=on):
            return "stt deaf" if on else "stt listens"
        case act.FlushTranscript():
            return "flush stt"
        case _:
            return _order_to_reply(action)


def _order_to_reply(action: act.TurnAction) -> str:
    match action:
        case act.StartPreemptive(generation_id=generation_id, text=text, synthesize=synthesize):
            return f'generate {generation_id} "{text}"' + (" as speech" if synthesize else "")
        case act.DropPreemptive(generation_id=generation_id):
            return f"drop generation {generation_id}"
        case act.HoldReply(speech_id=speech_id):
            return f"hold {speech_id}"
        case act.ReleaseReply(speech_id=speech_id):
            return f"release {speech_id}"
        case act.PauseReply(speech_id=speech_id):
            return f"pause {speech_id}"
        case act.ResumeReply(speech_id=speech_id):
            return f"resume {speech_id}"
        case act.InterruptReply(speech_id=speech_id, reason=reason, audible_duration=heard):
            return f"cut {speech_id} for {reason} after {_number(heard)}"
        case _:
            return ""


def _news(action: act.TurnAction) -> str:
    match action:
        case act.CommitTurn():
            return _commit(action)
        case act.UserTurnExceeded():
            earlier = action.accumulated_text.removesuffix(action.text)
            return (
                f'exceeded {action.turn_id} {earlier}"{action.text}"{_timing(action.timing)}, '
                f"{action.accumulated_word_count} words in {_number(action.duration)}"
            )
        case act.UserInputTranscribed(text=text, is_final=is_final):
            said = [word for word in (action.language, action.speaker_id) if word]
            return " ".join([f'{"said" if is_final else "saying"} "{text}"', *said])
        case act.UserTranscriptionTimedOut(started_at=started_at, ended_at=ended_at):
            return f"no text for {_number(started_at)} to {_number(ended_at)}"
        case act.AgentFalseInterruption(speech_id=speech_id, resumed=resumed):
            return f"false interruption of {speech_id}" + ("" if resumed else ", not resumed")
        case act.OverlappingSpeech(speech_id=speech_id, started_at=started_at):
            meant = "" if action.is_interruption else ", no interruption"
            return f"overlap with {speech_id} from {_number(started_at)}{meant}"
        case act.TurnDropped():
            return _drop(action)
        case _:
            raise AssertionError(f"no words for {action}")


def _commit(action: act.CommitTurn) -> str:
    notes = [f'commit {action.turn_id} "{action.text}"{_timing(action.timing)}']
    notes += [action.language] if action.language else []
    notes += [f"confidence {_number(action.confidence)}"] if action.confidence else []
    notes += [f"at {_number(action.probability)}"] if action.probability is not None else []
    notes += [f"by generation {action.preemptive}"] if action.preemptive is not None else []
    notes += ["by hand"] if action.manual else []
    notes += ["unanswered"] if action.skip_reply else []
    return ", ".join(notes)


def _timing(timing: act.TurnTiming) -> str:
    words = {"from": timing.started_at, "to": timing.ended_at, "text": timing.transcribed_at}
    return "".join(f" {word} {_number(at)}" for word, at in words.items() if at is not None)


def _drop(action: act.TurnDropped) -> str:
    which = "" if action.turn_id is None else f" {action.turn_id}"
    text = f' "{action.text}"' if action.text else ""
    detail = f" ({action.detail})" if action.detail else ""
    by_hand = ", by hand" if action.manual else ""
    return f"drop{which}{text}: {action.reason}{detail}{by_hand}"


def _number(value: float) -> str:
    return f"{round(value, 6):g}"
