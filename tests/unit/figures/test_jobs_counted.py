"""What becomes of jobs, as the dispatch side counts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from agentd.figures import here
from agentd.figures.families import DISPATCH, GAPS, JOB_DURATION, JOBS_ENDED, RESUMES
from agentd.figures.family import Family
from agentd.protocol.job import JobOutcome
from agentd.settings.model import JobSettings
from agentd.testing.virtual_time import run_virtual
from tests.support.office import Office, settle

POLICY = JobSettings(max_resumes=2, resume_period=60.0, resume_timeout=30.0)


def counted(family: Family) -> dict[tuple[str, ...], float]:
    """A counter's sums that are not 0."""
    return {labels: amount for labels, amount in here.counts(family).items() if amount}


def measured(family: Family) -> dict[tuple[str, ...], tuple[int, float]]:
    """A histogram's numbers and totals, of those with any; the office takes milliseconds."""
    return {
        labels: (counts[-1], round(total, 1))
        for labels, counts, total in here.bins(family)
        if counts[-1]
    }


def after(scenario: Callable[[Office], Awaitable[None]]) -> Office:
    """An office with a job that was offered, after more has happened."""

    async def run() -> Office:
        office = Office(settings=POLICY)
        office.offer()
        await settle()
        await scenario(office)
        return office

    return run_virtual(run())


def test_each_step_of_a_dispatch_is_measured_once_and_so_is_the_job() -> None:
    """The resume that follows is no dispatch."""

    async def live(office: Office) -> None:
        await office.wait(0.5)
        office.start()
        office.child.die()
        await settle()
        office.start()
        await office.wait(9.5)
        assert office.child.watcher is not None
        office.child.watcher.job_ended(JobOutcome(outcome="completed"))

    after(live)

    assert measured(DISPATCH) == {
        ("accept",): (1, 0.0),
        ("assign",): (1, 0.0),
        ("start",): (1, 0.5),
        ("total",): (1, 0.5),
    }
    assert counted(JOBS_ENDED) == {("completed",): 1.0}
    assert measured(JOB_DURATION) == {(): (1, 10.0)}


def test_a_crash_is_a_resume_and_a_gap_until_the_agent_is_there_again() -> None:
    """Two crashes before that are one gap."""

    async def crash_twice(office: Office) -> None:
        office.start()
        office.child.die()
        await settle()
        await office.wait(1.0)
        office.child.die()
        await office.wait(8.0)  # there is a pause after the second
        office.start()
        assert office.child.watcher is not None
        office.child.watcher.job_back()

    after(crash_twice)

    assert counted(RESUMES) == {("crash", "resumed"): 1.0}
    assert measured(GAPS) == {("crash",): (1, 9.0)}


def test_a_job_that_may_not_go_on_is_a_resume_refused() -> None:
    """It has failed."""

    async def crash_too_often(office: Office) -> None:
        office.start()
        for _ in range(3):
            office.child.die()
            await office.wait(10.0)

    after(crash_too_often)

    assert counted(RESUMES) == {("crash", "refused"): 1.0}
    assert counted(JOBS_ENDED) == {("failed",): 1.0}


def test_turns_are_added_up_over_the_processes_of_a_job() -> None:
    """The latency is that of the last turn."""

    async def talk(office: Office) -> None:
        office.start()
        for turns in (1, 2):
            assert office.child.watcher is not None
            office.child.watcher.job_measured(turns, {"e2e": float(turns)})
        office.child.die()
        await settle()
        office.start()
        assert office.child.watcher is not None
        office.child.watcher.job_measured(1, {"e2e": 0.5})
        [view] = office.desk.view()
        assert (view.turns, view.latency) == (3, {"e2e": 0.5})

    after(talk)


def test_an_offer_that_is_declined_is_a_job_rejected() -> None:
    """It has no duration: it never was ours."""

    async def nothing_more(office: Office) -> None:
        office.desk.drain("enough")
        office.offer(2)
        await settle()
        assert office.desk.refusals.view()["draining"] == 1

    after(nothing_more)

    assert measured(JOB_DURATION) == {}


@pytest.mark.parametrize("reason", ["crash", "swap"])
def test_what_can_happen_is_known_before_it_does(reason: str) -> None:
    """Else an alert on a rise would miss the first."""
    assert here.counts(RESUMES)[reason, "failed"] == 0
