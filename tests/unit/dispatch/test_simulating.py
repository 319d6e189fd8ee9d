"""Jobs that nobody has offered: they go the way of all jobs, and LiveKit hears nothing of them."""

from __future__ import annotations

from livekit.protocol import agent

from agentd.dispatch.jobs import Job
from agentd.dispatch.simulating import DEFAULT_SECONDS, Simulations, simulated_offer
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOutcome, JobView
from agentd.testing.virtual_time import run_virtual
from tests.support.office import Office, settle

OFFER = simulated_offer("somewhere", "clerk", "hello")


async def accept() -> JobAnswer:
    """An app that takes every job under a name of its own."""
    return JobAnswer(accept=True, identity="polly")


async def decline() -> JobAnswer:
    """An app that takes none."""
    return JobAnswer(accept=False, reason="not today")


async def begun(office: Office, seconds: float = 60.0) -> Simulations:
    """A simulation whose entrypoint runs."""
    simulations = Simulations(office.desk, office.desk.running.stop)
    assert simulations.start(OFFER, seconds) is None
    await settle()
    office.start()
    return simulations


def test_an_offer_has_what_the_app_reads_of_a_job() -> None:
    """As LiveKit would have made it, under an id that tells it apart."""
    job = agent.Job.FromString(OFFER.job)

    assert (job.id, job.room.name, job.agent_name) == (OFFER.job_id, "somewhere", "clerk")
    assert (job.metadata, job.type) == ("hello", agent.JT_ROOM)
    assert OFFER.job_id.startswith("SIM_")


def test_it_runs_and_ends_and_livekit_hears_nothing() -> None:
    """Not of its answer, its start, nor its end; the journal has it all."""

    async def run() -> Office:
        office = Office(says=accept)
        simulations = await begun(office)
        assert [view.fake for view in office.desk.view()] == [True]
        assert office.desk.running_jobs() == []
        office.child.end(JobOutcome(outcome="completed", reason="done"))
        await simulations.aclose()
        return office

    office = run_virtual(run())

    assignment = office.child.assignment
    assert assignment is not None
    assert (assignment.fake, assignment.room, assignment.token) == (True, "somewhere", "")
    assert assignment.answer.identity == "polly"
    assert [state for _, state in office.ledger.states] == [
        "offered",
        "accepted",
        "assigned",
        "running",
        "ended",
    ]
    assert (office.link.answers, office.link.reports) == ([], [])


def test_an_app_may_decline_it() -> None:
    """Its `on_request` is asked, as for any other."""

    async def run() -> Office:
        office = Office(says=decline)
        simulations = Simulations(office.desk, office.desk.running.stop)
        assert simulations.start(OFFER, 60.0) is None
        await settle()
        await simulations.aclose()
        return office

    office = run_virtual(run())

    assert office.link.answers == []
    assert office.ledger.facts["reason"] == "not today"
    assert office.child.state == "idle"


def test_its_slot_is_a_slot() -> None:
    """With none left it is refused, and so is it while the daemon drains."""

    async def run() -> tuple[str, str]:
        office = Office()
        simulations = await begun(office)
        full = simulations.start(simulated_offer("other", "", ""), 60.0)
        office.desk.drain("release")
        draining = simulations.start(simulated_offer("other", "", ""), 60.0)
        await simulations.aclose()
        assert full is not None
        assert draining is not None
        return full.text, draining.text

    assert run_virtual(run()) == ("all 1 slots are taken", "draining: release")


def test_it_is_shut_down_when_its_time_is_over() -> None:
    """And not before."""

    async def run() -> tuple[str, str]:
        office = Office()
        simulations = await begun(office, seconds=5.0)
        await office.wait(4.9)
        before = office.child.shutdown_reason
        await office.wait(0.2)
        await simulations.aclose()
        return before, office.child.shutdown_reason

    assert run_virtual(run()) == ("", "the simulation's 5 s are over")


def test_one_whose_time_is_over_before_it_has_a_child_is_shut_down_in_it() -> None:
    """It would go on for ever: nobody else ends it."""

    async def run() -> tuple[str, str]:
        office = Office()
        office.pool.warm.clear()
        simulations = Simulations(office.desk, office.desk.running.stop)
        assert simulations.start(OFFER, 1.0) is None
        await office.wait(2.0)
        before = office.child.shutdown_reason
        office.pool.warm.set()
        await settle()
        office.start()
        await office.wait(1.0)
        await simulations.aclose()
        return before, office.child.shutdown_reason

    assert run_virtual(run()) == ("", "the simulation's 1 s are over")


def test_one_of_an_earlier_daemon_is_given_a_time_of_its_own() -> None:
    """A call of that daemon's is left alone."""

    async def run() -> list[tuple[str, str]]:
        office = Office()
        stopped: list[tuple[str, str]] = []

        def stop(job_id: JobId, reason: str) -> bool:
            stopped.append((job_id, reason))
            return True

        simulations = Simulations(office.desk, stop)
        kept = [
            Job(JobId(name), "r", offered_at=0.0, fake=name == "SIM_1")
            for name in ("SIM_1", "AJ_1")
        ]
        simulations.adopt(
            JobView(id=job.id, room=job.room, state="running", age=0.0, fake=job.fake)
            for job in kept
        )
        await office.wait(DEFAULT_SECONDS + 1.0)
        await simulations.aclose()
        return stopped

    assert run_virtual(run()) == [("SIM_1", "the simulation's 60 s are over")]


def test_one_whose_child_dies_goes_on_in_another() -> None:
    """As a call does; LiveKit hears nothing of that either."""

    async def run() -> Office:
        office = Office()
        simulations = await begun(office)
        office.child.die()
        await settle()
        office.start()
        await simulations.aclose()
        return office

    office = run_virtual(run())

    assert office.child.resume is not None
    assert office.child.resume.resumes == 1
    assert office.link.reports == []
