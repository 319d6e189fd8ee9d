"""Jobs that lose their child: they go on in another, or fail with a stated reason."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import jwt
import pytest

from agentd.aio.timing import now, wall_time
from agentd.dispatch.jobs import Job
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOutcome, Resume
from agentd.settings.model import JobSettings
from agentd.testing.virtual_time import run_virtual
from tests.support.office import FakeChild, Office, settle

JOB = JobId("AJ_1")
WHY = "the job's process was ended by SIGKILL"
POLICY = JobSettings(max_resumes=2, resume_period=60.0, resume_timeout=30.0)


async def running(settings: JobSettings = POLICY) -> Office:
    """An office with a job that runs."""
    office = Office(settings=settings)
    office.offer()
    await settle()
    office.start()
    return office


async def kill(office: Office) -> None:
    """Its child dies; what can happen at once does."""
    office.child.die()
    await settle()


def answering(answer: JobAnswer) -> Callable[[], Awaitable[JobAnswer]]:
    """An `on_request` that says this."""

    async def says() -> JobAnswer:
        return answer

    return says


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_job_goes_on_in_another_child_and_livekit_hears_of_no_failure() -> None:
    """Running, resuming, running: in the same room, with the past that it left behind."""

    async def run() -> Office:
        office = await running()
        assert office.child.watcher is not None
        office.child.watcher.job_snapshot(1, b"what was said")
        await kill(office)
        office.start()
        return office

    office = run_virtual(run())

    assert office.child.id == "c2"
    assert office.child.past == Resume(resumes=1, snapshot_version=1, snapshot=b"what was said")
    assert office.child.resume is not None
    assert 0 < office.child.resume.began_at <= office.child.resume.lost_at
    assert office.child.resume.why
    assert office.pool.urgent == [False, True]
    assert [state for _, state in office.ledger.states] == [
        "offered", "accepted", "assigned", "running", "resuming", "running",
    ]  # fmt: skip
    assert [status for _, status, _ in office.link.reports] == ["running", "running"]


def test_a_resumed_job_gets_a_token_of_our_own_with_the_same_grants() -> None:
    """The one that LiveKit gave may have expired; identity and room stay."""

    async def run() -> str:
        office = Office(settings=POLICY)
        grants = {"sub": "agent-AJ_1", "video": {"room": "room", "roomJoin": True}, "exp": 1000}
        office.link.token = jwt.encode(grants, "x" * 32)
        office.offer()
        await settle()
        office.start()
        await kill(office)
        assert office.child.assignment is not None
        return office.child.assignment.token

    claims = jwt.decode(run_virtual(run()), "s" * 32, algorithms=["HS256"])

    assert (claims["sub"], claims["iss"]) == ("agent-AJ_1", "devkey")
    assert claims["video"] == {"room": "room", "roomJoin": True}
    assert claims["exp"] > wall_time() + 3600


def test_a_snapshot_that_the_journal_refuses_is_not_gone_on_from() -> None:
    """A resume begins with the one before."""

    async def run() -> Office:
        office = await running()
        assert office.child.watcher is not None
        office.child.watcher.job_snapshot(1, b"small")
        office.ledger.takes_snapshots = False
        office.child.watcher.job_snapshot(1, b"too large")
        await kill(office)
        return office

    assert run_virtual(run()).child.past == Resume(resumes=1, snapshot_version=1, snapshot=b"small")


def test_a_job_that_dies_too_often_has_failed_with_the_last_error() -> None:
    """After so many resumes in the period; LiveKit and the participants are told."""
    told: list[tuple[str, str]] = []

    async def farewell(job: Job, why: str) -> None:
        told.append((job.id, why))

    async def run() -> Office:
        office = await running()
        office.desk.running.farewell = farewell
        for _ in range(3):
            await kill(office)
            await office.wait(10.0)
        return office

    office = run_virtual(run())

    error = f"{WHY}; it was resumed 2 times within 60 s"
    assert office.link.reports[-1] == (JOB, "failed", error)
    assert office.ledger.facts["reason"] == error
    assert told == [(JOB, error)]
    assert office.desk.job_count == 0


def test_deaths_that_are_far_apart_never_exhaust_a_job() -> None:
    """Only those within the period count."""

    async def run() -> Office:
        office = await running()
        for _ in range(10):
            await kill(office)
            await office.wait(31.0)
            office.start()
        return office

    assert run_virtual(run()).child.id == "c11"


def test_a_job_that_has_lived_a_while_always_goes_on_at_once() -> None:
    """Two deaths that have nothing to do with each other are no crash loop."""

    async def run() -> list[float]:
        office = await running(JobSettings(max_resumes=8))
        pauses = []
        for _ in range(5):
            await office.wait(10.5)
            died_at = now()
            await kill(office)
            await office.until(lambda: office.child.state == "running")
            pauses.append(now() - died_at)
        return pauses

    assert max(run_virtual(run())) < 0.01


def test_the_first_resume_comes_at_once_and_those_soon_after_it_do_not() -> None:
    """A job that dies again is given a moment, so that what kills it may pass."""

    async def run() -> list[float]:
        office = await running(JobSettings(max_resumes=8))
        pauses = []
        for _ in range(5):
            died_at = now()
            await kill(office)
            await office.until(lambda: office.child.state == "running")
            pauses.append(now() - died_at)
        return pauses

    first, *others = run_virtual(run())

    assert first < 0.01
    assert max(others) > 0.05
    assert all(pause < 4.1 for pause in others)


@pytest.mark.parametrize(
    ("answer", "resumed"),
    [
        (JobAnswer(accept=True, max_resumes=0), False),
        (JobAnswer(accept=True, max_resumes=1), True),
        (JobAnswer(accept=True), True),
    ],
)
def test_the_app_s_word_for_a_job_wins_over_the_setting(answer: JobAnswer, resumed: bool) -> None:
    """`request.accept(max_resumes=0)` is for a job that must not begin twice."""

    async def run() -> Office:
        office = Office(says=answering(answer), settings=POLICY)
        office.offer()
        await settle()
        office.start()
        await kill(office)
        return office

    office = run_virtual(run())

    assert (office.child.state == "running") is resumed
    if not resumed:
        assert office.link.reports[-1] == (JOB, "failed", f"{WHY}; it may not be resumed")


def test_a_job_without_a_child_in_time_has_failed() -> None:
    """No job waits without an end."""

    async def run() -> tuple[Office, float]:
        office = await running()
        office.pool.warm.clear()
        died_at = now()
        await kill(office)
        assert office.desk.job_count == 1
        await office.until(lambda: not office.desk.job_count)
        return office, now() - died_at

    office, waited = run_virtual(run())

    assert waited == pytest.approx(30.0, abs=0.1)
    assert office.link.reports[-1] == (
        JOB, "failed", f"{WHY}; it could not go on: no warm child in time",
    )  # fmt: skip


def test_a_job_that_had_told_its_end_is_not_begun_again() -> None:
    """Only its cleaning up was cut short."""

    async def run() -> Office:
        office = await running()
        assert office.child.watcher is not None
        office.child.watcher.job_closing(JobOutcome(outcome="completed", reason="goodbye"))
        await kill(office)
        return office

    office = run_virtual(run())

    assert [status for _, status, _ in office.link.reports] == ["running", "completed"]
    assert office.desk.job_count == 0
    assert office.child.state == "idle"


def test_a_job_that_livekit_ends_while_it_has_no_child_goes_on_nowhere() -> None:
    """There is nobody left to go on for."""

    async def run() -> Office:
        office = await running()
        office.pool.warm.clear()
        await kill(office)
        office.desk.handle_termination(JOB)
        await settle()
        office.pool.warm.set()
        await settle()
        return office

    office = run_virtual(run())

    assert office.child.state == "idle"
    assert office.ledger.states[-1] == (JOB, "ended")
    assert str(office.ledger.facts["reason"]).endswith("terminated by LiveKit")


def test_a_job_is_ended_when_it_is_terminated_in_the_moment_of_its_loss() -> None:
    """Also when its search for a child has not even begun: the next child is told at once."""

    async def run() -> Office:
        office = await running()
        office.child.die()
        office.desk.handle_termination(JOB)
        await settle()
        return office

    assert run_virtual(run()).child.shutdown_reason == "terminated by LiveKit"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_resumed_job_is_ended_by_livekit_only_when_its_dispatch_is_gone(wanted: bool) -> None:
    """LiveKit takes the death of a job's child for the job's end, and says so."""

    async def is_wanted(_job: Job) -> bool:
        return wanted

    async def run() -> Office:
        office = await running()
        office.desk.running.is_wanted = is_wanted
        await kill(office)
        office.start()
        office.desk.handle_termination(JOB)
        await settle()
        return office

    office = run_virtual(run())

    assert office.child.shutdown_reason == ("" if wanted else "terminated by LiveKit")


def test_a_closing_desk_leaves_no_job_without_an_end() -> None:
    """One that waits for a child has failed, and LiveKit hears it."""

    async def run() -> Office:
        office = await running()
        office.pool.warm.clear()
        await kill(office)
        await office.desk.aclose()
        return office

    office = run_virtual(run())

    assert office.desk.job_count == 0
    assert office.link.reports[-1][1] == "failed"


def test_a_job_that_waits_for_a_child_keeps_its_slot() -> None:
    """An offer that comes in between does not get its seat."""

    async def run() -> Office:
        office = await running()
        office.child.die()
        office.offer(2)
        await settle()
        return office

    office = run_virtual(run())

    assert office.accepted() == [True, False]
    assert office.child.assignment is not None
    assert office.child.assignment.job_id == JOB


def test_children_that_die_in_turn_never_stop_a_job_that_may_go_on() -> None:
    """A child that was promised may be dead when it is handed over."""

    async def run() -> FakeChild:
        office = await running(JobSettings(max_resumes=5))
        office.pool.dies_when_taken = 2
        await kill(office)
        await office.until(lambda: office.child.state == "running")
        return office.child

    assert run_virtual(run()).id == "c4"
