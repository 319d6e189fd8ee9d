"""Jobs that are moved onto new code: the next child first, then the old one lets go."""

from __future__ import annotations

import logging

import pytest

from agentd.dispatch.swapping import BACK_TIMEOUT, CHILD_TIMEOUT, HAND_OVER_TIMEOUT
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobOutcome, Resume
from agentd.settings.model import JobSettings
from agentd.testing.virtual_time import run_virtual
from tests.support.office import FakeChild, Office, settle

POLICY = JobSettings(max_resumes=2, resume_period=60.0, resume_timeout=30.0)


async def running(settings: JobSettings = POLICY, jobs: int = 1) -> Office:
    """An office with jobs that run the first code and have left a snapshot."""
    office = Office(slots=jobs, settings=settings)
    for number in range(jobs):
        office.offer(number + 1)
    await settle()
    for child in office.pool.children:
        assert child.watcher is not None
        child.watcher.job_started()
        child.watcher.job_snapshot(1, b"said before")
    return office


async def saved(office: Office, *, children: int = 1) -> FakeChild:
    """The file was saved and new code is in service; gives the child that has the job."""
    office.pool.take_new_code(children=children)
    office.desk.running.swaps.swap_all("app.py")
    await settle()
    return office.pool.children[0]


def lines(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    """What the log says of that."""
    return [record for record in caplog.records if getattr(record, "action", "") == action]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_job_goes_on_in_a_child_of_the_new_code(caplog: pytest.LogCaptureFixture) -> None:
    """From the last words of the old one; the line says what, why and for how long."""

    async def run() -> Office:
        office = await running()
        old = await saved(office)
        assert old.asked_to_hand_over == ["app.py"]
        await office.wait(1.5)
        old.let_go()
        await office.wait(0.25)
        office.child.arrive()
        await settle()
        return office

    office = run_virtual(run())

    assert office.child.past == Resume(
        resumes=1, snapshot_version=1, snapshot=b"the last words", reason="swap"
    )
    assert [state for _, state in office.ledger.states][-3:] == ["running", "resuming", "running"]
    assert [status for _, status, _ in office.link.reports] == ["running", "running"]
    (line,) = lines(caplog, "job_swapped")
    assert (line.what, line.old, line.child) == ("app.py", "c1", "c2")  # type: ignore[attr-defined]
    assert line.waited == pytest.approx(1.5, abs=0.01)  # type: ignore[attr-defined]
    assert line.silent == pytest.approx(0.25, abs=0.01)  # type: ignore[attr-defined]
    assert lines(caplog, "job_resumed") == lines(caplog, "job_resuming") == []


def test_it_counts_as_no_failure() -> None:
    """However often: the resumes that a job may have are for crashes."""

    async def run() -> Office:
        office = await running()
        for _ in range(5):
            office.pool.take_new_code()
            office.desk.running.swaps.swap_all("app.py")
            await settle()
            office.pool.children[-2].let_go()
            office.child.arrive()
            await settle()
        office.child.die()
        await settle()
        office.start()
        return office

    office = run_virtual(run())

    assert office.child.resume is not None
    assert (office.child.resume.resumes, office.child.resume.reason) == (6, "crash")
    assert office.desk.job_count == 1


def test_the_old_child_is_not_asked_before_the_next_one_is_there() -> None:
    """New code that does not become warm costs no call; the job stays, and one line says so."""

    async def run() -> tuple[list[str], list[str]]:
        office = await running()
        office.pool.warm.clear()
        old = await saved(office, children=0)
        await office.wait(CHILD_TIMEOUT - 1.0)
        before = list(old.asked_to_hand_over)
        await office.wait(2.0)
        return before, old.asked_to_hand_over

    assert run_virtual(run()) == ([], [])


def test_a_job_that_keeps_its_child_stays_and_the_other_child_is_free_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the reason that the old child gives."""

    async def run() -> Office:
        office = await running()
        old = await saved(office)
        old.keep("a tool is at work")
        await settle()
        return office

    office = run_virtual(run())

    (line,) = lines(caplog, "job_stays")
    assert (line.reason, line.child) == ("a tool is at work", "c1")  # type: ignore[attr-defined]
    assert office.child.state == "idle"
    assert office.pool.children[0].state == "running"


def test_a_job_that_may_not_begin_twice_stays(caplog: pytest.LogCaptureFixture) -> None:
    """`max_resumes=0` is said of jobs that no other process can go on with."""

    async def run() -> FakeChild:
        return await saved(await running(JobSettings(max_resumes=0)))

    assert run_virtual(run()).asked_to_hand_over == []
    (line,) = lines(caplog, "job_stays")
    assert line.reason == "it may not begin a second time (max_resumes is 0)"  # type: ignore[attr-defined]


def test_a_child_that_does_not_answer_is_killed_and_the_last_snapshot_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After the deadline, not before; it is no failure of the job's."""

    async def run() -> tuple[Office, list[str]]:
        office = await running()
        old = await saved(office)
        await office.wait(HAND_OVER_TIMEOUT - 0.5)
        before = list(old.taken_from)
        await office.wait(1.0)
        office.child.arrive()
        await settle()
        return office, before

    office, before = run_virtual(run())

    assert before == []
    assert office.pool.children[0].taken_from == ["it did not hand its job over within 10 s"]
    assert office.child.past == Resume(
        resumes=1, snapshot_version=1, snapshot=b"said before", reason="swap"
    )
    (line,) = lines(caplog, "job_swapped")
    assert line.levelname == "WARNING"
    assert "it was killed" in line.reason  # type: ignore[attr-defined]


def test_a_child_that_does_not_answer_and_has_left_nothing_keeps_its_job(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Killing it would be the end of the conversation."""

    async def run() -> Office:
        office = Office(settings=POLICY)
        office.offer()
        await settle()
        office.start()
        await saved(office)
        await office.wait(HAND_OVER_TIMEOUT + 1.0)
        return office

    office = run_virtual(run())

    assert office.pool.children[0].taken_from == []
    (line,) = lines(caplog, "job_stays")
    assert line.reason.endswith("and has left no snapshot")  # type: ignore[attr-defined]


def test_a_crash_meanwhile_is_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    """The job is resumed as ever, and counted; the child that waited for it takes it."""

    async def run() -> Office:
        office = await running()
        old = await saved(office)
        assert old.watcher is not None
        old.state = "gone"
        old.watcher.job_lost("the job's process was ended by SIGKILL")
        await settle()
        office.start()
        return office

    office = run_virtual(run())

    assert office.child.resume is not None
    assert office.child.resume.reason == "crash"
    assert len(lines(caplog, "job_resuming")) == 1
    assert lines(caplog, "job_swapped") == lines(caplog, "job_stays") == []


def test_a_next_child_that_dies_before_it_has_the_job_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The old one has let go: from there it is a resume like others."""

    async def run() -> Office:
        office = await running()
        old = await saved(office)
        office.child.vanish()
        old.let_go()
        await settle()
        office.start()
        await office.wait(BACK_TIMEOUT + 1.0)
        return office

    office = run_virtual(run())

    assert office.child.id == "c3"
    assert office.child.resume is not None
    assert office.child.resume.snapshot == b"the last words"
    (line,) = lines(caplog, "job_resuming")
    assert line.reason == "its child died before it began"  # type: ignore[attr-defined]
    assert lines(caplog, "job_swapped") == []


def test_a_job_that_ends_meanwhile_has_ended() -> None:
    """And leaves the child that was kept for it to others."""

    async def run() -> Office:
        office = await running()
        old = await saved(office)
        old.end(JobOutcome(outcome="completed"))
        await settle()
        return office

    office = run_virtual(run())

    assert office.desk.job_count == 0
    assert office.child.state == "idle"


def test_a_save_while_a_job_is_on_its_way_moves_it_again() -> None:
    """Once it has arrived: the code that counts is the last."""

    async def run() -> Office:
        office = await running()
        first = await saved(office)
        await saved(office)
        first.let_go()
        second = office.pool.children[1]
        second.arrive()
        await settle()
        assert second.asked_to_hand_over == ["app.py"]
        second.let_go()
        office.child.arrive()
        await settle()
        return office

    office = run_virtual(run())

    assert (office.child.id, office.child.generation) == ("c3", 3)
    assert office.child.resume is not None
    assert office.child.resume.resumes == 2


def test_a_job_that_begins_on_old_code_after_the_save_is_moved_too() -> None:
    """Its child was reserved before."""

    async def run() -> FakeChild:
        office = Office(settings=POLICY)
        office.offer()
        await settle()
        old = await saved(office)
        assert old.asked_to_hand_over == []
        assert old.watcher is not None
        old.watcher.job_started()
        await settle()
        return old

    assert run_virtual(run()).asked_to_hand_over == ["app.py"]


def test_a_job_on_new_code_is_left_alone() -> None:
    """There is nothing to move it to."""

    async def run() -> Office:
        office = await running()
        office.desk.running.swaps.swap_all("app.py")
        await settle()
        return office

    assert run_virtual(run()).child.asked_to_hand_over == []


def test_an_agent_that_does_not_come_back_is_told_as_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The job runs: what is missing is its agent in the room."""

    async def run() -> None:
        office = await running()
        (await saved(office)).let_go()
        office.start()
        await office.wait(BACK_TIMEOUT + 1.0)

    run_virtual(run())

    (line,) = lines(caplog, "job_swapped")
    assert line.levelname == "WARNING"
    assert "not in the room yet" in line.getMessage()


def test_a_hand_over_that_nobody_waits_for_any_more_loses_no_job() -> None:
    """It comes after the deadline of one without a snapshot: the job goes on in any child."""

    async def run() -> Office:
        office = Office(settings=POLICY)
        office.offer()
        await settle()
        office.start()
        old = await saved(office)
        await office.wait(HAND_OVER_TIMEOUT + 1.0)
        old.let_go()
        await settle()
        office.start()
        return office

    office = run_virtual(run())

    assert office.child.id == "c2"
    assert office.child.resume is not None
    assert office.child.resume.snapshot == b"the last words"


def test_only_a_few_are_moved_at_once() -> None:
    """Each takes a warm child while it is on its way."""

    async def run() -> tuple[int, int]:
        office = await running(jobs=6)
        await saved(office, children=6)
        old = office.pool.children[:6]
        at_first = sum(len(child.asked_to_hand_over) for child in old)
        old[0].keep("not now")
        await settle()
        return at_first, sum(len(child.asked_to_hand_over) for child in old)

    assert run_virtual(run()) == (4, 5)


def test_nothing_is_moved_when_the_daemon_ends() -> None:
    """A job that was not let go of stays where it is, and its child is told no more."""

    async def run() -> Office:
        office = await running()
        await saved(office)
        await office.desk.running.swaps.aclose()
        office.desk.running.swaps.swap_all("again")
        await settle()
        return office

    office = run_virtual(run())

    assert office.pool.children[0].asked_to_hand_over == ["app.py"]
    assert office.child.state == "idle"


# -- one job, by hand ----------------------------------------------------------------------


def test_a_job_is_moved_by_hand_onto_the_same_code(caplog: pytest.LogCaptureFixture) -> None:
    """The next child first; then the old one lets go; the line tells why it was moved."""

    async def run() -> Office:
        office = await running()
        office.pool.add_children(1)
        assert office.desk.running.move(JobId("AJ_1"), "it eats memory") == ""
        await settle()
        old = office.pool.children[0]
        assert old.asked_to_hand_over == ["it eats memory"]
        old.let_go()
        office.child.arrive()
        await settle()
        return office

    office = run_virtual(run())

    assert office.child.resume is not None
    assert (office.child.resume.resumes, office.child.resume.reason) == (1, "swap")
    (line,) = lines(caplog, "job_swapped")
    assert line.getMessage() == "the call goes on in another child"
    assert line.what == "it eats memory"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "twice", "refusal"),
    [
        (JobSettings(max_resumes=0), False, "it may not begin a second time (max_resumes is 0)"),
        (POLICY, True, "it is being moved already"),
    ],
)
def test_what_can_not_be_moved_is_refused_at_once(
    settings: JobSettings, twice: bool, refusal: str
) -> None:
    """The old child is not asked."""

    async def run() -> str | None:
        office = await running(settings)
        office.pool.add_children(1)
        if twice:
            assert office.desk.running.move(JobId("AJ_1"), "first") == ""
        return office.desk.running.move(JobId("AJ_1"), "second")

    assert run_virtual(run()) == refusal


def test_only_a_job_that_runs_can_be_moved() -> None:
    """One that has lost its child is on its way already; one that is not here is unknown."""

    async def run() -> tuple[str | None, str | None]:
        office = await running()
        office.pool.warm.clear()
        office.child.die()
        await settle()
        moved = office.desk.running.move(JobId("AJ_1"), "why not")
        return moved, office.desk.running.move(JobId("AJ_9"), "why not")

    assert run_virtual(run()) == ("it is resuming: only a job that runs can be moved", None)
