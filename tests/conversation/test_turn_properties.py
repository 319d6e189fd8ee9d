"""What holds of turn-taking in every conversation, and after any inputs whatever."""

from __future__ import annotations

from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec import structs

from agentd.voice import turn_actions as act
from agentd.voice import turn_inputs as tell
from agentd.voice.turn_options import (
    EndpointingRules,
    InterruptionRules,
    PreemptiveRules,
    TurnRules,
    UserTurnLimit,
)
from agentd.voice.turn_setup import TurnSetup
from agentd.voice.turns import TurnMachine

from .turn_world import Answer, Happening, Plan, Prediction, Utterance, World

EXAMPLES = 120


def tenths(least: int, most: int) -> st.SearchStrategy[float]:
    """Seconds, to the tenth: so that things often happen at the same instant."""
    return st.integers(least, most).map(lambda value: value / 10)


RULES = st.builds(
    TurnRules,
    endpointing=st.builds(
        EndpointingRules,
        mode=st.sampled_from(["fixed", "fixed", "dynamic"]),
        min_delay=tenths(0, 8),
        max_delay=tenths(8, 30),
        alpha=st.sampled_from([0.0, 0.5, 0.9]),
    ),
    interruption=st.builds(
        InterruptionRules,
        enabled=st.sampled_from([True, True, True, False]),
        discard_audio_if_uninterruptible=st.booleans(),
        min_duration=tenths(0, 10),
        min_words=st.integers(0, 2),
        resume_false_interruption=st.booleans(),
        false_interruption_timeout=st.sampled_from([None, 0.0, 0.5, 2.0]),
        end_boundary=st.sampled_from([0.0, 1.0]),
    ),
    preemptive_generation=st.builds(
        PreemptiveRules, enabled=st.booleans(), max_retries=st.integers(0, 3)
    ),
    user_turn_limit=st.builds(
        UserTurnLimit,
        max_words=st.sampled_from([None, None, 1, 4]),
        max_duration=st.sampled_from([None, None, 2.0, 5.0]),
    ),
    user_away_timeout=st.sampled_from([None, 0.5, 15.0]),
    aec_warmup_duration=st.sampled_from([None, 3.0]),
    transcription_timeout=st.sampled_from([None, 0.0, 1.0]),
    transcript_wait=st.sampled_from([0.0, 0.5, 2.0]),
)

SETUPS = st.builds(
    TurnSetup,
    mode=st.sampled_from(["vad", "vad", "stt", "manual", "realtime_llm"]),
    has_vad=st.sampled_from([True, True, False]),
    has_stt=st.sampled_from([True, True, True, False]),
    interim_results=st.booleans(),
    detector=st.sampled_from([None, None, "audio", "text"]),
    can_pause=st.booleans(),
).filter(lambda setup: setup.has_vad or setup.mode != "vad")

TEXTS = st.sampled_from(
    ["hello", "book a table", "uh-huh", "okay", "no", "stop it please", "", "."]
)

UTTERANCES = st.builds(
    Utterance,
    gap=tenths(4, 40),
    length=tenths(2, 30),
    text=TEXTS,
    final_after=st.none() | tenths(-5, 25),
    interim=st.booleans(),
    seen_by_vad=st.sampled_from([True, True, True, False]),
    stt_marks=st.sampled_from([True, True, True, False]),
)

ANSWERS = st.builds(
    Answer,
    hook=tenths(0, 10),
    think=tenths(0, 15),
    length=tenths(1, 40),
    interruptible=st.sampled_from([None, None, True, False]),
    silent=st.sampled_from([False, False, False, True]),
    leaks=st.booleans(),
)

PREDICTIONS = st.builds(
    Prediction,
    delay=st.none() | tenths(0, 40),
    probability=st.sampled_from([None, 0.1, 0.9]),
)

HAPPENINGS = st.builds(
    Happening,
    at=tenths(0, 200),
    what=st.sampled_from(
        [
            "mute", "unmute", "leave", "come", "commit", "note", "clear", "active", "tools",
            "no tools", "handoff", "rules", "interrupt", "protect", "open",
        ]
    ),
)  # fmt: skip

PLANS = st.builds(
    Plan,
    rules=RULES,
    setup=SETUPS,
    later_rules=RULES,
    later_setup=SETUPS,
    utterances=st.lists(UTTERANCES, max_size=6),
    answers=st.lists(ANSWERS, min_size=1, max_size=4),
    predictions=st.lists(PREDICTIONS, min_size=1, max_size=4),
    says=st.lists(st.tuples(tenths(0, 150), ANSWERS), max_size=4),
    happenings=st.lists(HAPPENINGS, max_size=6),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(PLANS)
def test_a_conversation_keeps_its_promises(plan: Plan) -> None:
    """One voice of the agent at a time; each turn answered or the reason told; nothing remembered
    that was not heard; no timer and no held speech left over."""
    world = World(plan)

    run(world)

    world.check_end()


@settings(max_examples=EXAMPLES, deadline=None)
@given(PLANS)
def test_no_word_of_the_user_is_lost(plan: Plan) -> None:
    """All final text, in its order, is in a turn that was committed or dropped with its text."""
    own = {"mode": "vad" if plan.setup.has_vad else "stt"}
    world = World(
        structs.replace(
            plan,
            setup=structs.replace(plan.setup, **own),
            later_setup=structs.replace(plan.setup, **own),
        )
    )

    run(world)

    world.check_text()


def run(world: World) -> None:
    """Run the plan; what happened is shown where something fails."""
    try:
        world.run()
    finally:
        note("\n".join(world.log))


# -- inputs that no sane session would send ---------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "started_at": tenths(0, 300),
    "ended_at": tenths(0, 300),
    "changed_at": tenths(0, 300),
    "voiced": st.booleans(),
    "muted": st.booleans(),
    "running": st.booleans(),
    "present": st.booleans(),
    "interrupted": st.booleans(),
    "interruptible": st.sampled_from([None, True, False]),
    "skip_reply": st.booleans(),
    "text": TEXTS | st.text(max_size=8),
    "language": st.just("en"),
    "speaker_id": st.none(),
    "confidence": st.floats(0, 1),
    "request_id": st.integers(0, 4),
    "probability": st.floats(0, 1),
    "threshold": st.floats(0, 1),
    "name": st.sampled_from(list(act.TimerName)),
    "due_at": tenths(0, 300),
    "speech_id": st.sampled_from(["a", "b", "c"]),
    "turn_id": st.none() | st.integers(0, 4),
    "reason": st.just("because"),
    "transcript_timeout": tenths(0, 20),
    "rules": RULES,
    "setup": SETUPS,
}
KINDS = list(tell.TurnInput.__args__)  # type: ignore[attr-defined]


def inputs_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any input of a kind; `at` is set when it is sent."""
    names = [name for name in kind.__struct_fields__ if name != "at"]
    return st.builds(kind, at=st.just(0.0), **{name: VALUES[name] for name in names})


ANY_INPUT = st.sampled_from(KINDS).flatmap(inputs_of)


@settings(max_examples=EXAMPLES, deadline=None)
@given(RULES, SETUPS, st.lists(st.tuples(tenths(0, 20), ANY_INPUT), max_size=40))
def test_no_input_upsets_the_machine(
    rules: TurnRules, setup: TurnSetup, steps: list[tuple[float, tell.TurnInput]]
) -> None:
    """It never raises, sets no timer for the past, cancels only what is set, and comes to rest."""
    machine = TurnMachine(rules, setup, now=0.0)
    timers: dict[act.TimerName, float] = {}
    at = 0.0
    for wait, event in steps:
        at += wait
        keep(timers, machine.handle(structs.replace(event, at=at)), at)
    rest = [
        tell.AudioMuted(at=at, muted=True),
        tell.RulesChanged(at=at, rules=rules, setup=setup),
        *(tell.ReplyEnded(at=at, speech_id=name) for name in "abc"),
        *(tell.TurnUnanswered(at=at, turn_id=number) for number in range(60)),
        tell.ManualClear(at=at),
    ]
    for event in rest:
        keep(timers, machine.handle(event), at)

    fired = 0
    while timers:
        name = min(timers, key=lambda name: timers[name])
        at = timers.pop(name)
        keep(timers, machine.handle(tell.TimerFired(at=at, name=name, due_at=at)), at)
        fired += 1

        assert fired < 50, timers


def keep(timers: dict[act.TimerName, float], actions: list[act.TurnAction], at: float) -> None:
    """Keep the timers that the machine sets."""
    for action in actions:
        match action:
            case act.SetTimer(name=name, at=due_at):
                assert due_at >= at
                timers[name] = due_at
            case act.CancelTimer(name=name):
                del timers[name]
            case _:
                pass
