"""How many children to start now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agentd.supervisor.demand import Demand, decide_starts

CALM = Demand(idle=2, starting=0, free_slots=6, waiting=0, idle_target=2, max_starting=2)
counts = st.integers(0, 20)
demands = st.builds(
    Demand,
    idle=counts,
    starting=counts,
    free_slots=counts,
    waiting=counts,
    idle_target=counts,
    max_starting=st.integers(1, 20),
)


@pytest.mark.parametrize(
    ("change", "starts"),
    [
        ({}, 0),
        ({"idle": 1}, 1),
        ({"idle": 0}, 2),
        ({"idle": 0, "starting": 1}, 1),
        ({"idle": 0, "starting": 2}, 0),
        ({"idle": 0, "idle_target": 4}, 2),
        ({"idle": 0, "free_slots": 1}, 1),
        ({"idle": 0, "free_slots": 0}, 0),
        ({"idle": 5}, 0),
        ({"idle": 0, "waiting": 1, "starting": 1}, 1),
        ({"idle": 0, "waiting": 3, "idle_target": 0}, 2),
        ({"idle": 0, "idle_target": 0}, 0),
        ({"idle": 0, "starting": 3}, 0),
    ],
    ids=[
        "whole",
        "one missing",
        "two missing",
        "one missing that starts already",
        "all that are missing start already",
        "no more than may start together",
        "no more than there are slots",
        "no slot",
        "more than enough",
        "an offer waits: one more than the target",
        "offers wait and no warm set is wanted",
        "nothing wanted",
        "more start than may: the limit was lowered",
    ],
)
def test_starts(change: dict[str, int], starts: int) -> None:
    """Each case of the table."""
    assert decide_starts(structs.replace(CALM, **change)) == starts


@given(demand=demands)
def test_limits_always_hold(demand: Demand) -> None:
    """Never below zero, over the slots, or over what may start together."""
    starts = decide_starts(demand)

    assert 0 <= starts <= demand.free_slots
    assert starts == 0 or demand.starting + starts <= demand.max_starting


@given(demand=demands)
def test_nobody_waits_while_something_could_be_started(demand: Demand) -> None:
    """When nothing is started, a limit is reached or nothing is missing."""
    none = decide_starts(demand) == 0

    missing = demand.idle_target + demand.waiting > demand.idle + demand.starting
    possible = demand.free_slots > 0 and demand.starting < demand.max_starting
    assert none == (not (missing and possible))
