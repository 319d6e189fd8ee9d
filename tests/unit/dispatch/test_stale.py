"""Which dispatches are stale, by tables."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.dispatch.seen import NEVER_AGAIN, DispatchSeen, JobSeen
from agentd.dispatch.stale import Surroundings, Thresholds, judge, patience

LIMITS = Thresholds(stale_after=12.0, join_grace=30.0, gone_after=1.5)
JOB = JobSeen(id="AJ_1", identity="agent-1", started_at=1000.2)
TURNED_DOWN = JobSeen(id="AJ_1", ended=True)
GONE = {"agent-1": 1040.0}


def dispatch(*jobs: JobSeen, **more: Any) -> DispatchSeen:
    return DispatchSeen(id="AD_1", room="r", created_at=1000.0, jobs=jobs, **more)


def around(at: float, **more: Any) -> Surroundings:
    return Surroundings(at=at, **more)


@pytest.mark.parametrize(
    ("what", "surroundings", "expected"),
    [
        (dispatch(), around(1011.9), "wait"),
        (dispatch(), around(1012.0), "stale"),
        (dispatch(), around(1012.0, hidden_job=True), "satisfied"),
        (dispatch(), around(1012.0, tries=1), "stale"),
        (dispatch(), around(1012.0, tries=2), "wait"),
        (dispatch(), around(1024.0, tries=2), "stale"),
        (dispatch(restart_policy=NEVER_AGAIN), around(1012.0), "stale"),
        (dispatch(TURNED_DOWN), around(2000.0), "satisfied"),
        (dispatch(JOB), around(2000.0, ours={"AJ_1"}), "satisfied"),
        (dispatch(JOB), around(2000.0, ours={"AJ_2"}), "look closer"),
        (dispatch(JOB), around(2000.0, present={"agent-1"}), "satisfied"),
        (dispatch(JOB, restart_policy=NEVER_AGAIN), around(2000.0, present=()), "satisfied"),
    ],
)
def test_a_dispatch_is_judged_by_age_jobs_and_who_is_there(
    what: DispatchSeen, surroundings: Surroundings, expected: str
) -> None:
    """No job for 12 s is stale; a job that is ours, over, or whose agent is there is not."""
    assert judge(what, surroundings, LIMITS).state == expected


@pytest.mark.parametrize(
    ("at", "more", "expected", "due_at"),
    [
        # Seen here before: its absence has to last a moment.
        (1040.0, {"seen": {"agent-1"}}, "wait", 1041.5),
        (1041.4, {"seen": {"agent-1"}, "gone_at": GONE}, "wait", 1041.5),
        (1041.5, {"seen": {"agent-1"}, "gone_at": GONE}, "stale", 0.0),
        # Never seen: it may not have joined yet.
        (1020.0, {"gone_at": {"agent-1": 1010.0}}, "wait", 1030.2),
        (1030.2, {"gone_at": {"agent-1": 1010.0}}, "stale", 0.0),
        # Made again before: then it is left alone for longer.
        (1041.5, {"seen": {"agent-1"}, "gone_at": GONE, "tries": 4}, "wait", 1096.0),
    ],
)
def test_an_agent_must_be_gone_for_long_enough(
    at: float, more: dict[str, Any], expected: str, due_at: float
) -> None:
    """Otherwise the verdict says when to judge again."""
    verdict = judge(dispatch(JOB), around(at, present=(), **more), LIMITS)

    assert verdict.state == expected
    assert verdict.due_at == pytest.approx(due_at)


def test_one_agent_of_several_jobs_is_enough() -> None:
    """A dispatch that has any agent in the room is served."""
    two = dispatch(JOB, JobSeen(id="AJ_2", identity="agent-2", started_at=1000.3))

    assert judge(two, around(2000.0, present={"agent-2"}), LIMITS).state == "satisfied"


def test_pauses_double_from_the_third_time_on_up_to_a_bound() -> None:
    """12, 12, 24, 48, ... 300 s."""
    pauses = [patience(tries, LIMITS) for tries in (0, 1, 2, 3, 4, 5, 6, 100)]

    assert pauses == [12.0, 12.0, 24.0, 48.0, 96.0, 192.0, 300.0, 300.0]
