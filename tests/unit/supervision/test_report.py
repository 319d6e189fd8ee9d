"""What the log says of children that fail."""

from __future__ import annotations

import pytest

from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Plan, Schedule, Script
from tests.unit.supervision.scripted import observe

CRASHES = Plan(lasts=1.0)
CANT_START = Plan(starts=False)


def reports(caplog: pytest.LogCaptureFixture, *scripts: Script, restarts: int = 3) -> list[str]:
    """OTP's four fields of each report of a run, in one string each."""
    caplog.clear()
    run_virtual(observe(Schedule(scripts, restarts=restarts, stop_at=9.0)))
    facts = [vars(record) for record in caplog.records]
    return [f"{x['supervisor']} {x['context']} {x['offender']}: {x['reason']}" for x in facts]


def test_a_crash_and_a_failed_restart_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Each with what it died of."""
    told = reports(caplog, Script("a", plans=(CRASHES, CANT_START), base=0.0))

    assert told == [
        "sup child_terminated a: OSError: crashed",
        "sup start_error a: OSError: a can't start",
    ]


def test_a_report_says_when_the_child_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """In seconds, with the error and the spec's terms beside it."""
    reports(caplog, Script("a", plans=(CRASHES,), base=0.0, shutdown=None))

    facts = vars(caplog.records[0])
    assert facts["next_start_in"] == 0.0
    assert (facts["restart"], facts["shutdown"]) == ("permanent", "brutal_kill")
    assert caplog.records[0].exc_info is not None


def test_giving_up_is_reported_after_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """The last line says how often was too often."""
    told = reports(caplog, Script("a", plans=(CRASHES,), base=0.0), restarts=0)

    assert told[0] == "sup child_terminated a: OSError: crashed"
    assert told[1] == (
        "sup shutdown a: child 'a' of 'sup' failed too often "
        "(restart 1 within 5 s, where 0 are allowed), at last of: OSError: crashed"
    )


def test_cooling_down_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """The attempts after it are failures like others."""
    script = Script("a", plans=(CRASHES, CRASHES, CRASHES), base=0.0, cap=1.0, cool_down=True)
    told = reports(caplog, script, restarts=1)

    assert [line.split()[1] for line in told] == ["child_terminated", "failing", "child_terminated"]


def test_a_finished_child_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Transient and temporary children may end."""
    finishes = (Plan(lasts=1.0, exit="normal"),)
    told = reports(
        caplog,
        Script("a", plans=finishes, restart="transient"),
        Script("b", plans=finishes, restart="temporary"),
    )

    assert told == []


def test_a_child_that_had_to_be_killed_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """It was asked, and did not end in time."""
    told = reports(caplog, Script("a", plans=(Plan(heeds=60.0),), shutdown=2.0))

    assert told == ["sup shutdown_error a: killed: it did not end within 2 s when asked"]


def test_a_brutal_kill_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """It is what was ordered."""
    assert reports(caplog, Script("a", shutdown=None)) == []
