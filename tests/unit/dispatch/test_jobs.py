"""The moves of a job from state to state."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from agentd.dispatch.jobs import MOVES, Job
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobState

STATES: tuple[JobState, ...] = get_args(JobState)
FORBIDDEN = [
    (before, after)
    for before, after in itertools.product(STATES, STATES)
    if after not in MOVES[before]
]


@pytest.fixture
def job() -> Job:
    """An offer that has just come."""
    return Job(JobId("AJ_1"), "room", offered_at=5.0)


def test_a_job_goes_from_offer_to_end(job: Job) -> None:
    """The way of a job that all goes well with."""
    job.move("accepted")
    job.move("assigned")
    job.move("running")
    job.end("completed", "the caller hung up")

    assert (job.state, job.ending, job.reason) == ("ended", "completed", "the caller hung up")


@pytest.mark.parametrize("state", STATES[:-1])
def test_a_job_may_end_in_every_state(job: Job, state: JobState) -> None:
    """What is wrong can be wrong at any time."""
    job.state = state

    job.end("lost", "a reason")

    assert job.ending == "lost"


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_no_other_move_exists(job: Job, before: JobState, after: JobState) -> None:
    """A job never goes back, leaps, or ends twice."""
    job.state = before

    with pytest.raises(ValueError, match=f"job AJ_1 can't go from {before} to {after}"):
        job.move(after)
