"""The short form of `make chaos`: a few faults of the kinds that cost the most."""

from __future__ import annotations

from pathlib import Path

import pytest

from .oracle import (
    CallSeen,
    Doubles,
    Seen,
    find_faults,
    is_audible,
    longest_silence,
    percentile,
)
from .plan import FaultKind, plan_steps
from .storm import run_storm

KINDS: tuple[FaultKind, ...] = (
    "kill child",
    "kill daemon",
    "kill daemon and a child",
    "kill template",
    "block child",
    "caller ends the job",
)
SEED = 20261124

WELL = CallSeen(room="r", wanted=True, agents=("a",), audible=True, ending="")


@pytest.mark.timeout(240)
async def test_a_short_storm_loses_no_call(tmp_path: Path) -> None:
    """One fault of each of these kinds, and the oracle after each."""
    report = await run_storm(tmp_path, seed=SEED, seconds=0.0, steps=len(KINDS), kinds=KINDS)

    assert sorted(report.faults) == sorted(KINDS)
    assert (report.lost, report.doubles) == ([], 0)


def test_a_plan_follows_from_its_seed_and_has_each_kind_once_first() -> None:
    """So that a storm that broke something can be had again."""
    once, again = plan_steps(7), plan_steps(7)
    steps = [next(once) for _ in range(40)]

    assert steps == [next(again) for _ in range(40)]
    assert len({step.kind for step in steps[:18]}) == 18


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (WELL, ""),
        (CallSeen(room="r", wanted=True, agents=(), audible=True, ending=""), "0 agents"),
        (CallSeen(room="r", wanted=True, agents=("a", "b"), audible=True, ending=""), "2 agents"),
        (CallSeen(room="r", wanted=True, agents=("a",), audible=False, ending=""), "not heard"),
        (CallSeen(room="r", wanted=False, agents=("a",), audible=True, ending="x"), "is left"),
        (CallSeen(room="r", wanted=False, agents=(), audible=False, ending=""), "nothing says"),
        (CallSeen(room="r", wanted=False, agents=(), audible=False, ending="failed"), ""),
    ],
)
def test_the_oracle_sees_what_is_wrong_with_a_call(call: CallSeen, fault: str) -> None:
    """One agent that is heard, or an end that is stated."""
    seen = Seen(calls=(call,), known_pids=frozenset({1}), pids=frozenset({1}), healthy=True)

    faults = find_faults(seen)

    assert len(faults) == bool(fault)
    assert not fault or fault in faults[0]


@pytest.mark.parametrize(
    ("known", "there", "healthy"), [({1}, {1, 2}, True), ({1, 2}, {1}, True), ({1}, {1}, False)]
)
def test_the_oracle_sees_stray_processes_and_bad_health(
    known: set[int], there: set[int], healthy: bool
) -> None:
    """Nothing may be left over, nothing missing."""
    seen = Seen(calls=(WELL,), known_pids=frozenset(known), pids=frozenset(there), healthy=healthy)

    assert len(find_faults(seen)) == 1


@pytest.mark.parametrize(
    ("heard_at", "audible"),
    [([], False), ([9.0], False), ([9.9], True), ([7.0, 7.9], False), ([9.4], False)],
)
def test_the_echo_of_a_dead_agent_is_no_agent(heard_at: list[float], audible: bool) -> None:
    """At 10 s, after a fault at 7 s: only what is recent counts."""
    assert is_audible(heard_at, 10.0, 7.0) is audible


def test_what_is_heard_right_after_a_fault_proves_nothing() -> None:
    """The last frames of a process that was killed 0.3 s ago."""
    assert not is_audible([9.9], 10.0, 9.7)


@pytest.mark.parametrize(
    ("heard_at", "silence"),
    [([], None), ([5.0], None), ([1.0, 1.5, 4.0, 4.5], 2.5), ([1.0, 2.0], 0.0)],
)
def test_a_silence_counts_from_the_last_frame_before_the_fault(
    heard_at: list[float], silence: float | None
) -> None:
    """A fault at 2 s; a caller who had heard nothing by then has no silence to tell of."""
    assert longest_silence(heard_at, 2.0) == silence


def test_two_agents_count_when_they_stay() -> None:
    """A takeover of 1.5 s is none, 3 s are; a look at one agent begins anew."""
    doubles = Doubles()
    for at, agents in [(0.0, 2), (1.5, 2), (2.0, 1), (3.0, 2), (4.5, 2)]:
        doubles.note("brief", agents, at)
    for at in (0.0, 1.0, 3.0):
        doubles.note("long", 2, at)

    assert doubles.too_long == {"long": 3.0}


def test_percentiles_are_values_that_were_seen() -> None:
    """By nearest rank."""
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([], 99) == 0.0
