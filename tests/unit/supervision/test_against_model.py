"""A supervisor does what the plain reference model says, whatever its children do."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.reference_model import Model
from tests.unit.supervision.schedule import Plan, Schedule, Script
from tests.unit.supervision.scripted import observe

CLOCK_GRAIN = 1e-6
"""The virtual clock is kept to the nanosecond, the model's is not."""

INSTANTLY = st.just(0)
TENTHS = st.integers(0, 60)


@st.composite
def plans(draw: st.DrawFn, blur: random.Random) -> Plan:
    """One life. Each time is blurred, so that no two things happen at once by chance."""

    def seconds(tenths: st.SearchStrategy[int]) -> float:
        return draw(tenths) / 10 + blur.uniform(1e-4, 1e-2)

    return Plan(
        start=seconds(INSTANTLY | TENTHS),
        starts=draw(st.sampled_from([True, True, True, False])),
        lasts=seconds(TENTHS | st.integers(0, 300)),
        exit=draw(st.sampled_from(["normal", "error", "error"])),
        heeds=seconds(INSTANTLY | TENTHS),
    )


@st.composite
def scripts(draw: st.DrawFn, name: str, blur: random.Random, *, may_matter: bool) -> Script:
    """One child with up to six lives before the last."""
    restart = draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"]))
    first = draw(plans(blur))
    later = draw(st.lists(plans(blur), max_size=5))
    boots = Plan(first.start, True, first.lasts, first.exit, first.heeds)
    may_fail = draw(st.sampled_from([False, False, False, True]))
    return Script(
        id=name,
        plans=(first if may_fail else boots, *later),
        restart=restart,
        cool_down=draw(st.booleans()),
        significant=may_matter and restart != "permanent" and draw(st.booleans()),
        shutdown=draw(st.sampled_from([None, 0.05, 1.0, 5.0])),
        base=draw(st.sampled_from([0.0, 0.1, 1.0, 4.0])),
        cap=draw(st.sampled_from([0.5, 4.0])),
        healthy_after=draw(st.sampled_from([1.0, 5.0])),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A supervisor with up to four children."""
    blur = random.Random(draw(st.integers(0, 2**32)))
    auto = draw(st.sampled_from(["never", "never", "any_significant", "all_significant"]))
    names = "abcd"[: draw(st.integers(1, 4))]
    return Schedule(
        scripts=tuple(draw(scripts(name, blur, may_matter=auto != "never")) for name in names),
        strategy=draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        restarts=draw(st.sampled_from([0, 1, 2, 4, 99])),
        period=draw(st.sampled_from([0.5, 5.0, 30.0])),
        auto_shutdown=auto,
        stop_at=draw(st.integers(0, 60)) + blur.uniform(1e-4, 1e-2),
    )


@pytest.mark.timeout(180)  # all of it is computing
@settings(max_examples=200)
@given(schedule=schedules())
def test_starts_stops_and_restarts_are_those_of_the_model(schedule: Schedule) -> None:
    """The same things happen to the same children in the same order at the same instants."""
    expected = Model(schedule).run()

    observed = run_virtual(observe(schedule))

    assert [moment[1:] for moment in observed.moments] == [
        moment[1:] for moment in expected.moments
    ]
    assert [moment[0] for moment in observed.moments] == pytest.approx(
        [moment[0] for moment in expected.moments], abs=CLOCK_GRAIN
    )
    assert observed.verdict == expected.verdict
    assert observed.restarts == expected.restarts
