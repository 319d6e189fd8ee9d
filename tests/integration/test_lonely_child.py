"""A real child whose supervisor dies: its job goes on, and it finds the next supervisor."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.protocol.frames import (
    CircuitReport,
    Hello,
    JobClosing,
    JobEnded,
    JobStarted,
    Log,
    LogsDropped,
)
from agentd.protocol.job import JobOutcome
from tests.support.lonely_child import (
    LonelyChild,
    lonely_child,
    note_closing,
    ready,
    running,
    state,
)
from tests.support.scripted_supervisor import Output, ScriptedSupervisor, Visit
from tests.support.supervised import assignment

DONE = JobOutcome(outcome="completed", reason="done")


@pytest.fixture
def path(workdir: Path) -> Path:
    """Where supervisors listen."""
    return workdir / "s"


@pytest.fixture
async def child(workdir: Path) -> AsyncIterator[LonelyChild]:
    """A child that looks for a supervisor as soon as it is up."""
    async with lonely_child(workdir) as made:
        yield made


async def adopted(supervisor: ScriptedSupervisor) -> tuple[Visit, Output]:
    """Adopt the child that comes back."""
    visit = await supervisor.visit()
    return visit, visit.adopt()


async def test_the_job_goes_on_and_the_next_supervisor_adopts_it(
    child: LonelyChild, path: Path
) -> None:
    """With its state and its new output; then it ends as if nothing had been."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        before = await state(visit)
        child.act()
        after = await state(visit)
        child.end_job()
        closing = await note_closing(visit)
        ended = await visit.next(JobEnded)
        code = await child.exited()
        output.close()

    assert visit.hello == Hello(
        version=visit.hello.version,
        child_id=visit.hello.child_id,
        pid=child.process.pid,
        job_id="AJ_1",
        started=True,
        assignment=assignment(),
    )
    assert (before, after) == ({"turn": 0}, {"turn": 1})
    assert closing.outcome == ended.outcome == DONE
    assert code == 0
    assert not [frame for frame in visit.others if isinstance(frame, JobStarted)]


async def test_many_supervisors_may_die_in_one_job(child: LonelyChild, path: Path) -> None:
    """The call never ends for it, and nothing that the job kept is lost."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    for turn in range(5):
        async with ScriptedSupervisor(path) as another:
            visit, output = await adopted(another)
            assert await state(visit) == {"turn": turn}
            child.act()
            assert await state(visit) == {"turn": turn + 1}
            output.close()

    assert child.process.returncode is None


async def test_an_outage_that_it_knows_of_is_told_to_the_next_supervisor(
    child: LonelyChild, path: Path
) -> None:
    """Which may have lost its table, and is told how much of the cooldown is left."""
    async with ScriptedSupervisor(path) as first:
        visit = await running(first, "finds_an_outage")
        child.act()
        before = await visit.next(CircuitReport)
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        after = await visit.next(CircuitReport)
        output.close()

    assert (before.event, after.event) == ("opened", "opened")
    assert 0 < after.cooldown <= before.cooldown <= 5.0
    assert (after.key, after.reason) == ("service.test/model", "down")


async def test_an_outage_that_it_finds_without_a_supervisor_is_told_to_the_next(
    child: LonelyChild, path: Path
) -> None:
    """Meanwhile it goes by what it knows itself."""
    async with ScriptedSupervisor(path) as first:
        await running(first, "finds_an_outage")
    child.act()
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        report = await visit.next(CircuitReport)
        output.close()

    assert (report.event, report.level) == ("opened", 1)


async def test_what_the_job_did_meanwhile_is_told(child: LonelyChild, path: Path) -> None:
    """The snapshot that is said again is the latest; dropped log records are counted."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    child.act()
    child.act()
    await asyncio.sleep(0.2)  # signals are not acknowledged, and there is nobody to be told
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        kept = await state(visit)
        await visit.ping()
        output.close()

    logged = [frame.fields.get("action") for frame in visit.others if isinstance(frame, Log)]
    assert 1 <= kept["turn"] <= 2  # two signals of one kind may become one
    assert "adopted" in logged
    assert any(isinstance(frame, LogsDropped) for frame in visit.others)


async def test_a_job_that_ended_alone_is_reported_to_the_next_supervisor(
    child: LonelyChild, path: Path, workdir: Path
) -> None:
    """It left the room at once, and its process waited only to tell."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    child.end_job()
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        closing = await visit.next(JobClosing)
        ended = await visit.next(JobEnded)
        code = await child.exited()
        output.close()

    assert closing.outcome == ended.outcome == DONE
    assert (code, (workdir / "reason").read_text()) == (0, "done")


async def test_sigterm_ends_a_lonely_job_in_order(
    child: LonelyChild, path: Path, workdir: Path
) -> None:
    """And the next supervisor hears of it."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    child.signal(signal.SIGTERM)
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        ended = await visit.next(JobEnded)
        await child.exited()
        output.close()

    assert ended.outcome.reason == "the process got SIGTERM"
    assert (workdir / "reason").read_text() == "the process got SIGTERM"


async def test_a_job_that_nobody_adopts_is_shut_down_in_order(
    child: LonelyChild, path: Path, workdir: Path
) -> None:
    """When its time is over, not before."""
    async with ScriptedSupervisor(path) as first:
        await running(first, grace=0.5)
    lost_at = asyncio.get_running_loop().time()

    code = await child.exited()

    assert asyncio.get_running_loop().time() - lost_at >= 0.4
    assert (code, (workdir / "reason").read_text()) == (0, "the supervisor is gone")


async def test_a_job_that_ended_and_finds_nobody_to_tell_goes_in_time(
    child: LonelyChild, path: Path, workdir: Path
) -> None:
    """It does not stay for ever for it."""
    async with ScriptedSupervisor(path) as first:
        await running(first, grace=0.5)
    child.end_job()

    code = await child.exited()

    assert (code, (workdir / "reason").read_text()) == (0, "done")


async def test_a_supervisor_that_refuses_at_first_is_asked_again(
    child: LonelyChild, path: Path
) -> None:
    """The journal may not have been read yet."""
    async with ScriptedSupervisor(path) as first:
        await running(first)
    async with ScriptedSupervisor(path) as second:
        for _ in range(2):
            (await second.visit()).hang_up()
        visit, output = await adopted(second)
        await visit.ping()
        output.close()

    assert child.process.returncode is None


async def test_a_child_without_a_job_goes_with_its_supervisor(
    child: LonelyChild, path: Path
) -> None:
    """There is nothing to stay for."""
    async with ScriptedSupervisor(path) as first:
        await ready(first)

    assert await child.exited() == 0


async def test_writing_where_nobody_reads_does_no_harm(child: LonelyChild, path: Path) -> None:
    """Neither prints, nor C, nor a program; later the new supervisor reads all of them."""
    async with ScriptedSupervisor(path) as first:
        visit = await running(first, "talks")
        child.output.close()
        child.act()
        unread = await state(visit)
    child.act()
    await asyncio.sleep(0.3)  # nobody is there to hear that it has written
    async with ScriptedSupervisor(path) as second:
        visit, output = await adopted(second)
        alone = await state(visit)
        child.act()
        heard = await state(visit)
        said = await output.until("from a program")
        output.close()
    child.output = Output()
    child.output.given_away()

    # 7 bytes or an error, twice, and echo's exit code: it is the only one that may complain.
    assert unread["said"][:2] == [-1, -1]
    assert alone["said"] == heard["said"] == [7, 7, 0]
    for words in ("from print\n", "from print to stderr\n", "from C\n", "from stdio of C\n"):
        assert words in said
