"""The desk: every offer ends in a running job or a stated reason, each within its deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from agentd.errors import ChildError
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOutcome
from agentd.testing.virtual_time import run_virtual
from tests.support.office import Office, settle

YES = JobAnswer(accept=True, identity="polly")


def endings(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """How jobs ended, by the log."""
    return [
        (record.__dict__["ending"], record.__dict__["reason"])
        for record in caplog.records
        if record.__dict__.get("action") == "job_ended"
    ]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


# -- a job that all goes well with ---------------------------------------------------


def test_an_offer_becomes_a_running_job_and_its_outcome_is_reported() -> None:
    """Accept, assign, running, success; the assignment carries our answer."""

    async def run() -> Office:
        office = Office()
        office.offer()
        await settle()
        office.start()
        office.child.end(JobOutcome(outcome="completed", reason="done"))
        return office

    office = run_virtual(run())

    assert office.accepted() == [True]
    assert office.child.assignment is not None
    assert (office.child.assignment.worker_id, office.child.assignment.url) == (
        "AW_1",
        "ws://there",
    )
    assert office.link.reports == [("AJ_1", "running", ""), ("AJ_1", "completed", "")]
    assert office.desk.job_count == 0


def test_a_failed_job_is_reported_with_its_error(caplog: pytest.LogCaptureFixture) -> None:
    """The text goes to LiveKit and into the log."""

    async def run() -> Office:
        office = Office()
        office.offer()
        await settle()
        office.child.end(JobOutcome(outcome="failed", error="ValueError: no"))
        return office

    office = run_virtual(run())

    assert office.link.reports == [("AJ_1", "failed", "ValueError: no")]
    assert endings(caplog) == [("failed", "ValueError: no")]


def test_what_was_reported_before_the_room_was_left_is_not_reported_again() -> None:
    """The server hears of an end once."""

    async def run() -> Office:
        office = Office()
        office.offer()
        await settle()
        assert office.child.watcher is not None
        office.child.watcher.job_closing(JobOutcome(outcome="completed"))
        office.child.end(JobOutcome(outcome="completed"))
        return office

    assert run_virtual(run()).link.reports == [("AJ_1", "completed", "")]


def test_an_offer_that_is_repeated_is_looked_after_once() -> None:
    """One answer, one job."""

    async def run() -> Office:
        office = Office(slots=2)
        office.offer()
        office.offer()
        await settle()
        return office

    assert run_virtual(run()).accepted() == [True]


# -- full, and waiting ---------------------------------------------------------------


def test_offers_over_max_jobs_are_declined_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Also when they all come in one moment: each with one line that says why."""

    async def run() -> Office:
        office = Office(slots=2)
        for number in range(5):
            office.offer(number)
        await settle()
        return office

    office = run_virtual(run())

    reasons = [r.__dict__["reason"] for r in caplog.records if r.message == "offer declined"]
    assert sorted(office.accepted()) == [False, False, False, True, True]
    assert reasons == ["all 2 slots are taken"] * 3
    assert {at for _, answer, at in office.link.answers if not answer.accept} == {0.0}


def test_a_burst_fills_every_slot() -> None:
    """16 offers at once on 16 slots: 16 jobs."""

    async def run() -> Office:
        office = Office(slots=16)
        for number in range(16):
            office.offer(number)
        await settle()
        return office

    office = run_virtual(run())

    assert office.accepted() == [True] * 16
    assert [child.state for child in office.pool.children] == ["running"] * 16


def test_an_offer_waits_for_a_warm_child() -> None:
    """It is answered the moment there is one."""

    async def run() -> Office:
        office = Office()
        office.pool.warm.clear()
        office.offer()
        asyncio.get_running_loop().call_later(8.5, office.pool.warm.set)
        await asyncio.sleep(20)
        return office

    office = run_virtual(run())

    assert [(answer.accept, at) for _, answer, at in office.link.answers] == [(True, 8.5)]


def test_an_offer_waits_no_longer_than_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """It is declined before LiveKit gives up at 10 s."""

    async def run() -> Office:
        office = Office()
        office.pool.warm.clear()
        office.offer()
        await asyncio.sleep(20)
        return office

    office = run_virtual(run())

    assert [(answer.accept, at) for _, answer, at in office.link.answers] == [(False, 9.0)]
    assert endings(caplog) == [("rejected", "no warm child in time")]
    assert office.desk.job_count == 0


# -- on_request ----------------------------------------------------------------------


async def says_yes() -> JobAnswer:
    return YES


async def says_no() -> JobAnswer:
    return JobAnswer(accept=False, terminate=True, reason="rejected by on_request")


async def says_nothing() -> JobAnswer:
    await asyncio.sleep(3600)
    return YES


async def dies() -> JobAnswer:
    raise ChildError("ended by SIGSEGV")


def test_the_answer_of_on_request_goes_to_livekit_and_to_the_job() -> None:
    """The job's own process learns what it was accepted with."""

    async def run() -> Office:
        office = Office(says=says_yes)
        office.offer()
        await settle()
        return office

    office = run_virtual(run())

    assert [answer for _, answer, _ in office.link.answers] == [YES]
    assert office.child.assignment is not None
    assert office.child.assignment.answer == YES


@pytest.mark.parametrize(
    ("says", "at", "reason"),
    [
        (says_no, 0.0, "rejected by on_request"),
        (says_nothing, 9.0, "on_request gave no answer within 9 s"),
        (dies, 0.0, "the child died in on_request: ended by SIGSEGV"),
    ],
)
def test_an_offer_that_on_request_does_not_take_is_declined_and_frees_the_child(
    caplog: pytest.LogCaptureFixture,
    says: Callable[[], Awaitable[JobAnswer]],
    at: float,
    reason: str,
) -> None:
    """Whether it says no, nothing at all, or brings its process down."""

    async def run() -> Office:
        office = Office(says=says)
        office.offer()
        await asyncio.sleep(20)
        return office

    office = run_virtual(run())

    assert [(answer.accept, sent) for _, answer, sent in office.link.answers] == [(False, at)]
    assert endings(caplog) == [("rejected", reason)]
    assert office.child.state == "idle"


# -- the assignment ------------------------------------------------------------------


def test_an_assignment_that_never_comes_frees_the_child(caplog: pytest.LogCaptureFixture) -> None:
    """The job is lost, with the reason, at the deadline."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        office.offer()
        await asyncio.sleep(7.499)
        assert office.child.state == "reserved"
        await asyncio.sleep(0.002)
        return office

    office = run_virtual(run())

    assert endings(caplog) == [("lost", "LiveKit assigned nothing within 7.5 s")]
    assert office.child.state == "idle"


def test_an_assignment_that_comes_too_late_is_told_to_livekit() -> None:
    """It believes that we run the job, and the caller would wait for ever."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        office.offer()
        await asyncio.sleep(8)
        office.link.assign(JobId("AJ_1"))
        return office

    office = run_virtual(run())

    assert office.link.reports == [("AJ_1", "failed", "the assignment came too late")]
    assert office.child.state == "idle"


def test_an_assignment_that_is_repeated_changes_nothing() -> None:
    """Neither in the same moment nor while the job runs."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        office.offer()
        await settle()
        office.link.assign(JobId("AJ_1"))
        office.link.assign(JobId("AJ_1"))
        await settle()
        office.link.assign(JobId("AJ_1"))
        return office

    office = run_virtual(run())

    assert (office.link.reports, office.child.state) == ([], "running")


def test_an_assignment_in_the_very_last_moment_counts() -> None:
    """At the instant of the deadline, but before it was noticed."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        asyncio.get_running_loop().call_later(7.5, office.link.assign, JobId("AJ_1"))
        office.offer()
        await asyncio.sleep(8)
        return office

    assert run_virtual(run()).child.state == "running"


def test_a_job_whose_child_dies_before_the_assignment_gets_another() -> None:
    """It has not begun anywhere, so the other child begins it as if nothing had been."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        office.offer()
        await settle()
        office.child.vanish()
        office.link.assign(JobId("AJ_1"))
        await settle()
        return office

    office = run_virtual(run())

    assert office.child.assignment is not None
    assert office.child.resume is None
    assert office.link.reports == []


# -- the connection ------------------------------------------------------------------


def test_a_connection_lost_while_the_assignment_is_awaited_loses_the_offer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At once, so that the child is free for the next."""

    async def run() -> Office:
        office = Office()
        office.link.assigns = False
        office.offer()
        await settle()
        office.desk.handle_disconnected()
        await settle()
        return office

    office = run_virtual(run())

    assert endings(caplog) == [("lost", "the connection to LiveKit was lost")]
    assert office.child.state == "idle"


def test_an_offer_of_a_connection_that_is_gone_is_not_answered_on_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """LiveKit has asked somebody else by then."""

    async def run() -> Office:
        office = Office()
        office.pool.warm.clear()
        office.offer()
        await settle()
        office.desk.handle_disconnected()
        office.desk.handle_registered("AW_2")
        office.pool.warm.set()
        await settle()
        return office

    office = run_virtual(run())

    assert office.link.answers == []
    assert endings(caplog) == [("lost", "the connection to LiveKit was lost")]
    assert office.child.state == "idle"


def test_a_running_job_does_not_notice_a_lost_connection() -> None:
    """It is still known as running when the next connection asks."""

    async def run() -> Office:
        office = Office()
        office.offer()
        await settle()
        office.desk.handle_disconnected()
        await settle()
        return office

    office = run_virtual(run())

    assert office.desk.running_jobs() == ["AJ_1"]
    assert office.child.state == "running"


def test_a_termination_shuts_the_job_down_in_order() -> None:
    """Its child is asked, not killed; one that nobody knows is passed by."""

    async def run() -> Office:
        office = Office()
        office.offer()
        await settle()
        office.desk.handle_termination(JobId("AJ_other"))
        assert office.child.shutdown_reason == ""
        office.desk.handle_termination(JobId("AJ_1"))
        return office

    assert run_virtual(run()).child.shutdown_reason == "terminated by LiveKit"


# -- drain and the end ---------------------------------------------------------------


def test_a_draining_desk_declines_with_the_reason_and_says_it_is_full() -> None:
    """The load report keeps LiveKit from asking."""

    async def run() -> Office:
        office = Office()
        office.desk.drain("SIGTERM")
        office.offer()
        await settle()
        return office

    office = run_virtual(run())

    assert [answer.reason for _, answer, _ in office.link.answers] == ["draining: SIGTERM"]
    assert office.link.load[-1].draining
    assert office.link.load[-1].full


@pytest.mark.parametrize(("ends_at", "ended"), [(4.0, True), (6.0, False)])
def test_a_drain_waits_for_the_jobs_but_no_longer_than_it_may(ends_at: float, ended: bool) -> None:
    """It says whether all have ended."""

    async def run() -> bool:
        office = Office()
        office.offer()
        await settle()
        office.desk.drain("SIGTERM")
        outcome = JobOutcome(outcome="completed")
        asyncio.get_running_loop().call_later(ends_at, office.child.end, outcome)
        return await office.desk.wait_ended(5.0)

    assert run_virtual(run()) is ended


def test_a_desk_that_drains_no_more_takes_offers_again() -> None:
    """And says that it has room."""

    async def run() -> Office:
        office = Office()
        office.desk.drain("release")
        office.desk.undrain()
        office.offer()
        await settle()
        return office

    office = run_virtual(run())

    assert office.accepted() == [True]
    assert not office.link.load[-1].draining
    assert not office.desk.draining


def test_closing_gives_up_open_offers_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    """No job is left without an ending."""

    async def run() -> Office:
        office = Office(says=says_nothing)
        office.offer()
        await settle()
        await office.desk.aclose()
        return office

    office = run_virtual(run())

    assert endings(caplog) == [("lost", "the offer was given up")]
    assert (office.desk.job_count, office.child.state) == (0, "idle")


def test_the_view_shows_jobs_with_their_age() -> None:
    """Oldest first, for status pages."""

    async def run() -> list[tuple[str, str, float]]:
        office = Office(slots=2)
        office.offer(1)
        await asyncio.sleep(3)
        office.link.assigns = False
        office.offer(2)
        await asyncio.sleep(1)
        return [(view.id, view.state, round(view.age, 2)) for view in office.desk.view()]

    assert run_virtual(run()) == [("AJ_1", "assigned", 4.0), ("AJ_2", "accepted", 1.0)]
