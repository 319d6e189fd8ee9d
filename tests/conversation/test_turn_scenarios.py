"""Turn-taking, by tables of timed scripts: each input, each timer, and all that is done then."""

from __future__ import annotations

import pytest

from . import turn_scenarios_end, turn_scenarios_overlap, turn_scenarios_session
from .turn_script import Scenario, play, tidy

SCENARIOS = [
    *turn_scenarios_end.SCENARIOS,
    *turn_scenarios_overlap.SCENARIOS,
    *turn_scenarios_session.SCENARIOS,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_turn(scenario: Scenario) -> None:
    """The machine does what the script says, nothing more and nothing less."""
    assert tidy(play(scenario)) == tidy(scenario.script)


def test_each_scenario_has_its_own_name() -> None:
    """Two rows of one name would hide which has failed."""
    names = [scenario.name for scenario in SCENARIOS]

    assert len(names) == len(set(names))
