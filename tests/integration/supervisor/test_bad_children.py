"""Children that misbehave are replaced, and the log says why: never a hang, never a lost seat."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from msgspec import structs

from agentd.aio.timing import now
from agentd.protocol.ids import ChildId, JobId
from agentd.protocol.job import JobOffer
from agentd.supervisor import child as children
from agentd.supervisor import process as processes
from agentd.supervisor.heartbeat import Patience
from agentd.supervisor.process import OsProcess
from tests.support.changes import DEADLINE, Changes
from tests.support.subreaper import no_more_descriptors
from tests.support.supervised import (
    Plan,
    Script,
    Watcher,
    assignment,
    supervised,
    with_pool,
    with_spec,
)


@pytest.fixture
def plan(workdir: Path) -> Plan:
    """One warm child at a time, and short patience."""
    return with_pool(Plan(directory=workdir), max_starting=1)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("exits_3", "exited with code 3 before it was ready"),
        ("exits_0", "exited with code 0 before it was ready"),
        ("dies_before_hello", "was ended by SIGKILL"),
        ("fails", "prewarm raised ValueError: no model"),
        ("another_version", "the child speaks frame protocol 999, this daemon"),
        ("another_pid", "the hello came from pid"),
        ("hello_twice", "a Hello frame before ready"),
        ("garbage_before_ready", "could not be read"),
        ("garbage", "was killed: it sent a bad frame: a frame of 1 bytes could not be read"),
        ("oversized", "was killed: it sent a bad frame: a frame of 4294967295 bytes"),
        ("ready_twice", "was killed: it sent a bad frame: a Ready frame after ready"),
        ("ends_a_job_it_has_not", "a JobEnded frame for the job 'AJ_other', not its own"),
    ],
)
async def test_a_bad_child_is_replaced_and_the_reason_told(
    plan: Plan, changes: Changes, manner: str, reason: str
) -> None:
    """Whatever it did, a good one sits in its place soon after."""
    async with supervised(plan, changes, Script(plan, manner)) as parts:
        await changes.until(lambda: changes.actions("child_failed"))
        (child,) = await parts.idle()

    assert reason in changes.reasons("child_failed")[0]
    assert child.id == "c2"


@pytest.mark.parametrize("manner", ["says_nothing", "never_ready", "another_id"])
async def test_a_child_that_never_gets_ready_is_killed_in_time(
    plan: Plan, changes: Changes, manner: str
) -> None:
    """The time is `initialize_process_timeout`, for all that is before ready."""
    plan = with_spec(plan, initialize_timeout=1.0)
    async with supervised(plan, changes, Script(plan, manner)) as parts:
        await changes.until(lambda: changes.actions("child_failed"))
        view = parts.pool.view()
        await parts.idle()

    assert changes.reasons("child_failed")[0] == "was not ready within 1 s"
    assert (view.failures, view.last_error) == (1, "was not ready within 1 s")


async def test_an_unknown_child_is_turned_away(plan: Plan, changes: Changes) -> None:
    """The log names it, and the process that it was."""
    plan = with_spec(plan, initialize_timeout=1.0)
    async with supervised(plan, changes, Script(plan, "another_id")):
        (record,) = await changes.until(lambda: changes.actions("unknown_child"))

    assert record.__dict__["child"] == "c999"


async def test_a_second_connection_of_a_child_does_not_replace_the_first(
    plan: Plan, changes: Changes
) -> None:
    """It is turned away, and the child becomes warm on its first."""
    async with supervised(plan, changes, Script(plan, "connects_twice")) as parts:
        (child,) = await parts.idle()

    assert child.id == "c1"


async def test_a_prewarm_whose_logs_are_dropped_is_no_failure(plan: Plan, changes: Changes) -> None:
    """The gap is told, and the child is warm."""
    async with supervised(plan, changes, Script(plan, "drops_logs_early")) as parts:
        (child,) = await parts.idle()

    assert child.id == "c1"
    assert [record.__dict__["count"] for record in changes.actions("logs_dropped")] == [7]


async def test_a_child_that_hangs_up_and_lives_on_is_killed(plan: Plan, changes: Changes) -> None:
    """Without its connection it is of no use."""
    plan = with_spec(plan, exit_timeout=0.2)
    async with supervised(plan, changes, Script(plan, "hangs_up")) as parts:
        await changes.until(lambda: changes.actions("child_failed"))
        await parts.idle()

    assert changes.reasons("child_failed") == ["was killed: it did not exit within 0.2 s"]


async def test_a_job_whose_entrypoint_is_not_called_in_time_is_lost_to_go_on_elsewhere(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the child answers each ping, and heartbeats are off."""
    monkeypatch.setattr(children, "START_TIMEOUT", 0.2)
    plan = with_spec(plan, patience=Patience(warn_after=0.0, replace_after=0.0, interval=0.02))
    async with supervised(plan, changes, Script(plan, "never_starts")) as parts:
        job = await parts.start_job()
        await parts.gone(job.child)

    assert (job.started, job.outcomes) == (0, [])
    assert job.losses == [
        "the job's process was killed: "
        "it did not call the entrypoint within 0.2 s of being given the job"
    ]


async def test_an_adopted_child_that_never_started_its_job_has_no_longer_than_others(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first daemon died before it could see that."""
    monkeypatch.setattr(children, "START_TIMEOUT", 0.2)
    async with supervised(plan, changes) as parts:
        with open(os.devnull, "wb") as output:  # noqa: ASYNC230 - no disk
            script = Script(plan, "comes_back_and_never_starts")
            pid = await script.launch(ChildId("c9"), output.fileno())
        child = parts.pool.roster.adopt(ChildId("c9"), pid)
        watcher = Watcher(child, changes)
        child.hold_job(JobId("AJ_1"), "kitchen", watcher)

        why = await watcher.lost()

    assert why.startswith("the job's process was killed: it did not call the entrypoint")


async def test_a_job_that_has_started_in_time_may_take_its_time(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is for the start alone."""
    monkeypatch.setattr(children, "START_TIMEOUT", 1.0)
    plan = with_spec(plan, patience=Patience(warn_after=0.0, replace_after=0.0, interval=0.3))
    async with supervised(plan, changes, Script(plan, "works")) as parts:
        job = await parts.start_job()
        await job.running()

        await changes.until(lambda: "five pings" in parts.sink.texts())  # over a second

        assert (job.child.state, job.losses) == ("running", [])


async def test_a_job_that_starts_while_it_is_asked_to_end_keeps_to_its_budget(
    plan: Plan, changes: Changes
) -> None:
    """Its late start must not stop the clock of its shutdown."""
    plan = with_spec(plan, job_shutdown_timeout=0.3)
    async with supervised(plan, changes, Script(plan, "starts_late")) as parts:
        job = await parts.start_job()

        job.child.shutdown("drain")

        outcome = await job.outcome()

    assert job.started == 1
    assert outcome.error == "the job's process was killed: its shutdown took longer than 0.3 s"


async def test_a_job_that_starts_twice_fails_once(plan: Plan, changes: Changes) -> None:
    """The child is killed for it, and the job has a stated end."""
    async with supervised(plan, changes, Script(plan, "starts_a_job_twice")) as parts:
        job = await parts.start_job()
        await parts.gone(job.child)

    assert job.started == 1
    assert job.losses == [
        "the job's process was killed: it sent a bad frame: "
        "a second JobStarted frame for the job 'AJ_1'"
    ]


async def test_a_job_that_ends_twice_has_ended_once(plan: Plan, changes: Changes) -> None:
    """The first word stands."""
    async with supervised(plan, changes, Script(plan, "ends_a_job_twice")) as parts:
        job = await parts.start_job()
        await parts.gone(job.child)

    assert [outcome.outcome for outcome in job.outcomes] == ["completed"]


class FaultyWatcher(Watcher):
    """Fails when the job starts: a fault of the daemon's own."""

    def job_started(self) -> None:
        """Raise."""
        raise LookupError("no such job")


async def test_a_fault_of_the_daemon_s_own_costs_neither_the_seat_nor_the_job_s_end(
    plan: Plan, changes: Changes
) -> None:
    """The job has a stated end, the log the traceback, and the seat another child."""
    plan = with_pool(plan, max_jobs=1)
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        (child,) = await parts.idle()
        watcher = FaultyWatcher(child, changes)
        child.reserve(JobId("AJ_1"))
        child.start_job(assignment(), watcher)
        await parts.gone(child)
        await parts.idle()

    assert len(watcher.losses) == 1
    assert [record.exc_info is not None for record in changes.actions("frame_failed")] == [True]


async def test_a_child_that_stays_after_its_job_is_killed(plan: Plan, changes: Changes) -> None:
    """Its job has ended well all the same."""
    plan = with_spec(plan, exit_timeout=0.2)
    async with supervised(plan, changes, Script(plan, "lingers")) as parts:
        job = await parts.start_job()
        await parts.gone(job.child)

    assert [outcome.outcome for outcome in job.outcomes] == ["completed"]
    assert changes.reasons("child_failed") == ["was killed: it did not exit after its job"]


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(
    plan: Plan, changes: Changes
) -> None:
    """A yes to a job that was withdrawn is no yes to another one."""
    async with supervised(plan, changes, Script(plan, "answers_late")) as parts:
        (child,) = await parts.idle()
        child.reserve(JobId("AJ_1"))
        with pytest.raises(TimeoutError):
            await child.ask(offer("AJ_1"), now() + 0.05)
        child.release("no answer")
        child.reserve(JobId("AJ_2"))

        answer = await child.ask(offer("AJ_2"), now() + DEADLINE)

        assert not answer.accept
        assert child.state == "reserved"


def offer(job_id: str) -> JobOffer:
    """An offer."""
    return JobOffer(job_id=JobId(job_id), job=b"", room="kitchen", agent_name="")


@pytest.mark.parametrize(("manner", "budget"), [("ignores_shutdown", 0.2), ("good", 20.0)])
async def test_the_stop_ladder_of_a_warm_child(
    plan: Plan, changes: Changes, manner: str, budget: float
) -> None:
    """Ask, wait, force; and the seat is free only once the death was seen."""
    plan = with_spec(plan, exit_timeout=budget)
    async with supervised(plan, changes, Script(plan, manner)) as parts:
        (child,) = await parts.idle()

        child.shutdown("enough")
        child.shutdown("asking twice is asking once")

        await parts.gone(child)

    expected = {
        "good": [],
        "ignores_shutdown": ["was killed: its shutdown took longer than 0.2 s"],
    }
    assert changes.reasons("child_failed") == expected[manner]


async def test_a_child_that_not_even_a_kill_ends_is_given_up_and_told(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel can hold a process up for ever; its seat goes to another."""
    monkeypatch.setattr(processes, "KILL_TIMEOUT", 0.05)
    plan = with_spec(plan, exit_timeout=0.05)
    async with supervised(plan, changes, Script(plan, "ignores_shutdown")) as parts:
        (child,) = await parts.idle()
        held_up = psutil.Process(child.pid)

        with monkeypatch.context() as unheeded:
            unheeded.setattr(OsProcess, "signal", lambda _process, _number: None)
            child.shutdown("enough")
            await parts.gone(child)

        assert held_up.is_running()
        held_up.kill()
        await asyncio.to_thread(held_up.wait, DEADLINE)
    (told,) = changes.actions("reap_failed")
    assert (told.__dict__["offender"], told.__dict__["offender_pid"]) == (child.id, child.pid)


async def test_a_job_has_its_own_budget_for_shutting_down(plan: Plan, changes: Changes) -> None:
    """Longer than that of a warm child, and then it is killed and reported."""
    spec = structs.replace(plan.spec, exit_timeout=5.0, job_shutdown_timeout=0.2)
    plan = structs.replace(plan, spec=spec)
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()

        job.child.shutdown("drain")

        outcome = await job.outcome()

    assert outcome.outcome == "failed"
    assert outcome.error == "the job's process was killed: its shutdown took longer than 0.2 s"


async def test_a_second_of_descriptors_running_out_costs_no_seat(
    plan: Plan, changes: Changes
) -> None:
    """The start fails like any other, and is tried again."""
    async with supervised(plan, changes, Script(plan)) as parts:
        (child,) = await parts.idle()
        with no_more_descriptors():
            child.kill("the test wants a new one")
            await changes.until(
                lambda: "it got no pipe: Too many open files" in changes.reasons("child_failed")
            )
        (second,) = await parts.idle()

    assert second.id != child.id
