"""What holds of turn-taking in every conversation, and after any inputs whatever."""

from __future__ import annotations

from random import Random
from typing import Any, get_args

from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec import structs

from agentd.voice.turns import actions as act
from agentd.voice.turns import inputs as tell
from agentd.voice.turns.machine import TurnMachine
from agentd.voice.turns.options import TurnRules
from agentd.voice.turns.setup import TurnSetup

from .turn_plans import TEXTS, make_plan, make_rules, make_setup
from .turn_world import Plan, World

EXAMPLES = 500


SEEDS = st.integers(0, 2**32)
PLANS = st.builds(
    make_plan,
    SEEDS,
    utterances=st.integers(1, 8),
    says=st.integers(0, 3),
    happenings=st.integers(0, 4),
)
RULES = SEEDS.map(lambda seed: make_rules(Random(seed)))
SETUPS = SEEDS.map(lambda seed: make_setup(Random(seed)))
INSTANTS = st.integers(0, 300).map(lambda tenth: tenth / 10)


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
    "started_at": INSTANTS,
    "ended_at": INSTANTS,
    "changed_at": INSTANTS,
    "voiced": st.booleans(),
    "muted": st.booleans(),
    "running": st.booleans(),
    "present": st.booleans(),
    "interrupted": st.booleans(),
    "interruptible": st.sampled_from([None, True, False]),
    "skip_reply": st.booleans(),
    "text": st.sampled_from(TEXTS) | st.text(max_size=8),
    "language": st.just("en"),
    "speaker_id": st.none(),
    "confidence": st.floats(0, 1),
    "request_id": st.integers(0, 4),
    "probability": st.floats(0, 1),
    "threshold": st.floats(0, 1),
    "name": st.sampled_from(list(act.TimerName)),
    "due_at": INSTANTS,
    "speech_id": st.sampled_from(["a", "b", "c"]),
    "turn_id": st.none() | st.integers(0, 4),
    "reason": st.just("because"),
    "transcript_timeout": INSTANTS.map(lambda at: at / 15),
    "rules": RULES,
    "setup": SETUPS,
}
KINDS = get_args(tell.TurnInput)


def inputs_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any input of a kind; `at` is set when it is sent."""
    names = [name for name in kind.__struct_fields__ if name != "at"]
    return st.builds(kind, at=st.just(0.0), **{name: VALUES[name] for name in names})


ANY_INPUT = st.sampled_from(KINDS).flatmap(inputs_of)


@settings(max_examples=EXAMPLES, deadline=None)
@given(RULES, SETUPS, st.lists(st.tuples(INSTANTS.map(lambda at: at / 15), ANY_INPUT), max_size=40))
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
    rest: list[tell.TurnInput] = [
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
