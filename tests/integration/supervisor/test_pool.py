"""The warm pool: whole again at once after whatever happens to it. Scripted children."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from agentd.aio.tasks import cancel_and_wait
from agentd.aio.timing import now
from agentd.errors import ChildError, TemplateError
from agentd.protocol.ids import ChildId, JobId
from agentd.supervisor import launching
from agentd.supervisor.child import Child
from agentd.supervisor.pool import Pool
from tests.support.changes import DEADLINE, Changes
from tests.support.supervised import Plan, Script, Supervised, supervised, with_pool, with_spec


@pytest.fixture
def plan(workdir: Path) -> Plan:
    """One warm child, four seats."""
    return Plan(directory=workdir)


def highest(pool: Pool, read: Callable[[], int]) -> list[int]:
    """A list of one number: the highest that was ever read after a change."""
    seen = [0]

    def look() -> None:
        seen[0] = max(seen[0], read())

    pool.subscribe(look)
    return seen


def kill(pid: int | None, number: int) -> None:
    """Send a signal from outside, as anybody could."""
    assert pid is not None
    os.kill(pid, number)


# -- filling ---------------------------------------------------------------------


async def test_the_warm_set_is_filled_with_so_many_starting_together(
    plan: Plan, changes: Changes
) -> None:
    """As many as allowed, and never more."""
    plan = with_pool(plan, num_idle_processes=4, max_starting=2)
    async with supervised(plan, changes) as parts:
        most = highest(parts.pool, lambda: parts.pool.view().starting)
        parts.pool.use_launcher(Script(plan), "script")
        await parts.idle(4)

    assert most == [2]


async def test_a_child_that_is_taken_is_replaced_at_once(plan: Plan, changes: Changes) -> None:
    """Not after a moment: before the reservation returns."""
    async with supervised(plan, changes, Script(plan)) as parts:
        await parts.idle()

        await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)

        view = parts.pool.view()
        assert (view.idle, view.starting, view.busy) == (0, 1, 1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_a_warm_child_that_is_killed_is_replaced_and_reported(
    plan: Plan, changes: Changes, number: signal.Signals
) -> None:
    """With the signal, and OTP's four fields."""
    async with supervised(plan, changes, Script(plan)) as parts:
        (child,) = await parts.idle()

        kill(child.pid, number)

        await parts.gone(child)
        (second,) = await parts.idle()

    record = changes.actions("child_failed")[0].__dict__
    assert record["reason"].startswith(f"was ended by {number.name}")
    assert (record["supervisor"], record["context"], record["offender"], record["exit"]) == (
        "pool",
        "child_terminated",
        child.id,
        "signalled",
    )
    assert second.slot == child.slot


async def test_without_a_launcher_nothing_starts(plan: Plan, changes: Changes) -> None:
    """As while the template is started again."""
    async with supervised(plan, changes) as parts:
        parts.pool.refill()

        assert parts.pool.children == []


class NoLuck:
    """A launcher that can't."""

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        """Fail at once."""
        raise TemplateError("the second fork failed")


async def test_a_launch_that_fails_is_tried_again_after_a_pause(
    plan: Plan, changes: Changes
) -> None:
    """And the seat is free meanwhile."""
    async with supervised(plan, changes, NoLuck()) as parts:
        await changes.until(lambda: parts.pool.view().failures >= 3)
        view = parts.pool.view()
        parts.pool.use_launcher(Script(plan), "script")
        await parts.idle()

    assert view.last_error == "the second fork failed"


# -- failing and recovering --------------------------------------------------------


async def test_a_pool_that_fails_too_often_tries_one_child_until_it_stays_warm(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then all are started that are missing; told once each way."""
    monkeypatch.setattr(launching, "HEALTHY_AFTER", 0.05)
    plan = with_pool(plan, max_starting=2, num_idle_processes=3)
    async with supervised(plan, changes, Script(plan, *["fails"] * 9)) as parts:
        failing = await changes.until(lambda: parts.pool.failing)
        await changes.until(lambda: not parts.pool.view().starting)
        most = highest(parts.pool, lambda: len(parts.pool.children) * bool(parts.pool.failing))
        await changes.until(lambda: changes.actions("recovered"))
        await parts.idle(3)

        assert parts.pool.failing == ""
    assert failing.startswith("children failed too often, at last of: prewarm raised ValueError")
    assert most == [1]
    assert len(changes.actions("failing")) == len(changes.actions("recovered")) == 1


async def test_a_failing_pool_that_keeps_no_warm_children_recovers_too(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would start children for offers only, and none is taken while it fails."""
    monkeypatch.setattr(launching, "HEALTHY_AFTER", 0.05)
    plan = with_pool(plan, num_idle_processes=0)
    async with supervised(plan, changes, Script(plan, *["fails"] * 9)) as parts:
        offer = asyncio.create_task(parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE))
        await changes.until(lambda: parts.pool.failing)
        await cancel_and_wait(offer)

        await changes.until(lambda: changes.actions("recovered"))

        assert parts.pool.failing == ""


async def test_an_obstacle_that_the_pool_is_told_of_makes_it_failing(
    plan: Plan, changes: Changes
) -> None:
    """Warm children serve on; offers that find none need not wait."""
    async with supervised(plan, changes, Script(plan)) as parts:
        await parts.idle()
        parts.pool.note_obstacle("the template fails")
        failing = parts.pool.failing
        parts.pool.note_obstacle("")

        assert (failing, parts.pool.failing) == ("the template fails", "")
        assert parts.pool.view().idle == 1


async def test_a_warm_child_that_leaves_without_being_asked_has_failed(
    plan: Plan, changes: Changes
) -> None:
    """Whatever its exit code says: to replace it at once would be a loop without a brake."""
    async with supervised(plan, changes, Script(plan, "leaves")) as parts:
        await changes.until(lambda: changes.actions("child_failed"))
        failures = parts.pool.view().failures
        await parts.idle()

    assert failures == 1
    assert changes.reasons("child_failed") == ["exited with code 0"]


async def test_failed_starts_are_counted_and_forgotten_once_children_stay_warm(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What health shows while it lasts, and no longer."""
    monkeypatch.setattr(launching, "HEALTHY_AFTER", 0.05)
    plan = with_pool(plan, max_starting=1)
    async with supervised(plan, changes, Script(plan, "fails", "fails", "fails")) as parts:
        worst = highest(parts.pool, lambda: parts.pool.view().failures)
        await parts.idle()
        at_first = parts.pool.view()
        asyncio.get_running_loop().call_later(0.1, changes.note)
        await changes.until(lambda: parts.pool.view().failures == 0)

        after = parts.pool.view()

    assert worst == [3]
    assert (at_first.failures, at_first.last_error) == (3, "prewarm raised ValueError: no model")
    assert (after.failures, after.last_error) == (0, "")


async def test_pauses_after_failures_have_a_growing_bound(plan: Plan, changes: Changes) -> None:
    """The log says when the next start comes."""
    plan = with_pool(plan, max_starting=1, restart_max_delay=0.3)
    async with supervised(plan, changes, Script(plan, *["fails"] * 4)) as parts:
        await parts.idle()

    pauses = [record.__dict__["next_start_in"] for record in changes.actions("child_failed")]
    assert len(pauses) == 4
    assert all(pause <= bound for pause, bound in zip(pauses, (0.2, 0.3, 0.3, 0.3), strict=True))


async def test_nothing_starts_during_the_pause(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that can't start does not burn the machine."""
    monkeypatch.setattr(launching, "BACKOFF_BASE", 1000.0)
    plan = with_pool(plan, max_starting=1, restart_max_delay=1000.0)
    async with supervised(plan, changes, Script(plan, "fails")) as parts:
        await changes.until(lambda: changes.actions("child_failed"))
        parts.pool.refill()

        assert parts.pool.children == []


async def test_new_code_does_not_wait_for_the_old_code_s_pause(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has mended his prewarm sees it at once."""
    monkeypatch.setattr(launching, "BACKOFF_BASE", 1000.0)
    plan = with_pool(plan, max_starting=1, restart_max_delay=1000.0)
    async with supervised(plan, changes, Script(plan, "fails")) as parts:
        await changes.until(lambda: changes.actions("child_failed"))

        parts.pool.use_launcher(Script(plan), "script")

        await parts.idle()
        assert parts.pool.view().failures == 0


# -- offers ------------------------------------------------------------------------


async def test_an_offer_waits_for_a_child_that_is_started_for_it(
    plan: Plan, changes: Changes
) -> None:
    """Also where no warm set is wanted."""
    plan = with_pool(plan, num_idle_processes=0)
    async with supervised(plan, changes, Script(plan)) as parts:
        child = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)

        assert (child.state, child.job_id, parts.pool.busy) == ("reserved", "AJ_1", 1)


async def test_offers_are_served_in_the_order_they_came(plan: Plan, changes: Changes) -> None:
    """Who waits longest is next."""
    plan = with_pool(plan, num_idle_processes=0, max_starting=1)
    async with supervised(plan, changes, Script(plan)) as parts:
        order: list[str] = []
        async with asyncio.TaskGroup() as group:
            for name in ("AJ_1", "AJ_2", "AJ_3"):
                group.create_task(served(parts, name, order))

    assert order == ["AJ_1", "AJ_2", "AJ_3"]


async def served(parts: Supervised, name: str, order: list[str]) -> None:
    """Note when an offer has its child."""
    await parts.pool.reserve(JobId(name), now() + DEADLINE)
    order.append(name)


async def test_an_offer_that_no_child_comes_for_in_time_is_told_why(
    plan: Plan, changes: Changes
) -> None:
    """The last failure is the likeliest reason."""
    plan = with_pool(plan, num_idle_processes=0)
    async with supervised(plan, changes, NoLuck()) as parts:
        with pytest.raises(ChildError, match="the last one failed: the second fork failed"):
            await parts.pool.reserve(JobId("AJ_1"), now() + 0.2)

        assert parts.pool.busy == 0


async def test_an_offer_without_a_template_is_told_so(plan: Plan, changes: Changes) -> None:
    """It still waited its time: the template may have come."""
    async with supervised(plan, changes) as parts:
        with pytest.raises(ChildError, match="there is no template"):
            await parts.pool.reserve(JobId("AJ_1"), now() + 0.05)


async def test_with_every_seat_taken_an_offer_waits_for_one_to_become_free(
    plan: Plan, changes: Changes
) -> None:
    """The next child starts as soon as the one before is reaped."""
    plan = with_pool(plan, max_jobs=1)
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        waiting = asyncio.create_task(parts.pool.reserve(JobId("AJ_2"), now() + DEADLINE))
        await job.running()
        kill(job.child.pid, signal.SIGKILL)

        second = await waiting

    assert second.slot == job.child.slot


async def test_a_child_that_comes_as_its_offer_is_given_up_is_not_lost(
    plan: Plan, changes: Changes
) -> None:
    """It would else be promised for ever to a job that does not come."""
    plan = with_pool(plan, num_idle_processes=0, max_jobs=1)
    async with supervised(plan, changes, Script(plan)) as parts:
        offer = asyncio.create_task(parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE))
        parts.pool.subscribe(lambda: cancel_if(offer, bool(parts.children("reserved"))))

        with pytest.raises(asyncio.CancelledError):
            await offer

        (child,) = await parts.idle()
        assert child.job_id is None
        assert parts.pool.busy == 0


def cancel_if(offer: asyncio.Task[Child], due: bool) -> None:
    """Give an offer up, if its moment has come."""
    if due:
        offer.cancel()


async def test_a_released_child_serves_the_next_offer(plan: Plan, changes: Changes) -> None:
    """A job that was declined costs no child."""
    plan = with_pool(plan, max_jobs=1)
    async with supervised(plan, changes, Script(plan)) as parts:
        first = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)
        first.release("declined")

        second = await parts.pool.reserve(JobId("AJ_2"), now() + DEADLINE)

        assert second is first
        assert second.job_id == "AJ_2"


# -- jobs ----------------------------------------------------------------------------


async def test_a_job_by_the_book(plan: Plan, changes: Changes) -> None:
    """Started once, ended once, and the child is gone without being called a failure."""
    async with supervised(plan, changes, Script(plan)) as parts:
        job = await parts.start_job()
        await parts.gone(job.child)

    assert job.started == 1
    assert [outcome.outcome for outcome in job.outcomes] == ["completed"]
    assert changes.actions("child_failed") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_job_whose_process_is_killed_is_lost_exactly_once(
    plan: Plan, changes: Changes, number: signal.Signals
) -> None:
    """And the signal is in the text that LiveKit is told."""
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()

        kill(job.child.pid, number)

        await parts.gone(job.child)

    assert (len(job.losses), job.outcomes) == (1, [])
    assert f"the job's process was ended by {number.name}" in job.losses[0]


async def test_a_crashed_job_is_no_reason_to_start_children_slower(
    plan: Plan, changes: Changes
) -> None:
    """The pause is for children that can't even start."""
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()
        kill(job.child.pid, signal.SIGKILL)
        await parts.gone(job.child)

        assert parts.pool.view().failures == 0


async def test_a_job_given_to_a_child_that_has_just_died_is_lost_with_a_reason(
    plan: Plan, changes: Changes
) -> None:
    """The supervisor may not know of the death yet."""
    async with supervised(plan, changes, Script(plan)) as parts:
        (child,) = await parts.idle()
        kill(child.pid, signal.SIGKILL)

        job = await parts.start_job()

        why = await job.lost()

    assert "was ended by SIGKILL" in why


# -- new code --------------------------------------------------------------------


async def test_old_warm_children_go_when_the_first_new_one_is_warm(
    plan: Plan, changes: Changes
) -> None:
    """There is no moment without a warm child, and a running job is left alone."""
    plan = with_pool(plan, num_idle_processes=1)
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()
        (old,) = await parts.idle()

        parts.pool.use_launcher(Script(plan), "script")

        still_there = old.state
        await parts.gone(old)
        (new,) = await parts.idle()
        assert (still_there, new.generation, job.child.state) == ("idle", 2, "running")
        assert job.outcomes == []


async def test_with_every_seat_taken_an_old_warm_child_makes_room(
    plan: Plan, changes: Changes
) -> None:
    """New code would else wait until a job ends."""
    plan = with_pool(plan, num_idle_processes=2, max_jobs=2)
    async with supervised(plan, changes, Script(plan)) as parts:
        await parts.idle(2)

        parts.pool.use_launcher(Script(plan), "script")

        await changes.until(lambda: [c.generation for c in parts.children("idle")] == [2, 2])


def news_of(pool: Pool) -> list[list[tuple[str, int]]]:
    """What is noted each time that the pool says so of new code: its children at that moment."""
    told: list[list[tuple[str, int]]] = []
    pool.on_new_code = lambda: told.append(
        [(child.state, child.generation) for child in pool.children]
    )
    return told


async def test_new_code_is_told_when_its_first_child_is_warm_and_no_old_one_any_more(
    plan: Plan, changes: Changes
) -> None:
    """Not when its template is ready: an offer would still get the old code."""
    async with supervised(plan, changes, Script(plan)) as parts:
        told = news_of(parts.pool)
        await parts.idle()

        parts.pool.use_launcher(Script(plan), "script")
        at_first = list(told)
        await changes.until(lambda: told)

    assert at_first == []
    assert told == [[("stopping", 1), ("idle", 2)]]


async def test_an_offer_that_comes_before_the_new_code_is_warm_gets_the_old(
    plan: Plan, changes: Changes
) -> None:
    """Old code is better than none, for as long as the new fails."""
    async with supervised(plan, changes, Script(plan)) as parts:
        told = news_of(parts.pool)
        await parts.idle()
        parts.pool.use_launcher(Script(plan, *["fails"] * 9), "script")
        await changes.until(lambda: parts.pool.failing)

        child = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)

        assert child.generation == 1
        assert told == []


async def test_an_old_child_that_is_released_serves_nobody_once_new_code_is_told(
    plan: Plan, changes: Changes
) -> None:
    """An offer that waits gets the next new one, though the old one is there at once."""
    async with supervised(plan, changes, Script(plan)) as parts:
        told = news_of(parts.pool)
        old = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)
        parts.pool.use_launcher(Script(plan), "script")
        await changes.until(lambda: told)
        await parts.pool.reserve(JobId("AJ_2"), now() + DEADLINE)
        waiting = asyncio.create_task(parts.pool.reserve(JobId("AJ_3"), now() + DEADLINE))
        await changes.until(lambda: parts.pool.view().waiting)

        old.release("declined")

        assert old.state == "stopping"
        assert (await waiting).generation == 2


async def test_an_old_child_that_becomes_warm_after_new_code_was_told_goes_at_once(
    plan: Plan, changes: Changes
) -> None:
    """It was on its way, and no offer may get it any more."""
    async with supervised(plan, changes, Script(plan, "warms_up_when_told")) as parts:
        told = news_of(parts.pool)
        (old,) = await changes.until(lambda: parts.children("prewarming"))
        parts.pool.use_launcher(Script(plan), "script")
        await changes.until(lambda: told)
        kill(old.pid, signal.SIGUSR1)

        await parts.gone(old)

    assert told == [[("prewarming", 1), ("idle", 2)]]
    assert changes.actions("child_failed") == []


async def test_with_every_seat_taken_by_jobs_new_code_is_told_at_once(
    plan: Plan, changes: Changes
) -> None:
    """Whatever job comes next runs it."""
    plan = with_pool(plan, max_jobs=1)
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        told = news_of(parts.pool)
        job = await parts.start_job()
        await job.running()

        parts.pool.use_launcher(Script(plan), "script")

        assert told == [[("running", 1)]]


async def test_where_no_warm_children_are_wanted_new_code_is_tried_all_the_same(
    plan: Plan, changes: Changes
) -> None:
    """The old one that a declined offer had left would else take the next job."""
    plan = with_pool(plan, num_idle_processes=0)
    async with supervised(plan, changes, Script(plan)) as parts:
        told = news_of(parts.pool)
        old = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)
        old.release("declined")

        parts.pool.use_launcher(Script(plan), "script")

        await changes.until(lambda: told)
        assert (await parts.pool.reserve(JobId("AJ_2"), now() + DEADLINE)).generation == 2


async def test_new_code_need_not_wait_for_a_prewarm_of_the_old_that_hangs(
    plan: Plan, changes: Changes
) -> None:
    """Who has mended it sees that at once."""
    plan = with_pool(plan, max_starting=1)
    async with supervised(plan, changes, Script(plan, "never_ready")) as parts:
        (old,) = await changes.until(lambda: parts.children("prewarming"))

        parts.pool.use_launcher(Script(plan), "script")

        (new,) = await parts.idle()
        assert (old.state, new.generation) == ("prewarming", 2)


async def test_new_code_is_not_blamed_for_the_old_that_failed_too_often(
    plan: Plan, changes: Changes
) -> None:
    """Offers wait for its first child as usual; its health is told when it has lasted."""
    plan = with_pool(plan, restart_max_delay=1000.0)
    async with supervised(plan, changes, Script(plan, *["fails"] * 9)) as parts:
        await changes.until(lambda: parts.pool.failing)

        parts.pool.use_launcher(Script(plan), "script")
        at_once = parts.pool.failing
        child = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)

        assert (at_once, parts.pool.failing, child.generation) == ("", "", 2)
    assert changes.actions("recovered") == []


async def test_new_code_that_mends_a_crash_loop_is_told_to_have_recovered(
    plan: Plan, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of what was told; once."""
    monkeypatch.setattr(launching, "HEALTHY_AFTER", 0.05)
    async with supervised(plan, changes, Script(plan, *["fails"] * 9)) as parts:
        await changes.until(lambda: parts.pool.failing)

        parts.pool.use_launcher(Script(plan), "script")

        await changes.until(lambda: changes.actions("recovered"))


async def test_new_code_that_fails_too_often_as_well_is_slowed_down_as_well(
    plan: Plan, changes: Changes
) -> None:
    """And told once more."""
    async with supervised(plan, changes, Script(plan, *["fails"] * 9)) as parts:
        await changes.until(lambda: parts.pool.failing)

        parts.pool.use_launcher(Script(plan, *["fails"] * 9), "script")
        tries = len(changes.actions("child_failed"))

        await changes.until(lambda: parts.pool.failing)
        tries = len(changes.actions("child_failed")) - tries
    assert tries == launching.INTENSITY.restarts + 1
    assert len(changes.actions("failing")) == 2


# -- the end -----------------------------------------------------------------------


@pytest.mark.parametrize("manner", ["dies_before_hello", "says_nothing", "never_ready", "good"])
async def test_stopping_while_children_start_is_no_failure(
    plan: Plan, changes: Changes, manner: str
) -> None:
    """Wherever they are in it, they are gone soon and nothing is started again."""
    plan = with_spec(plan, exit_timeout=0.2)
    async with supervised(plan, changes, Script(plan, manner)) as parts:
        assert parts.children("starting")

        parts.pool.close_to_jobs("the daemon is stopping")

        async with asyncio.timeout(DEADLINE):
            await parts.pool.wait_empty()
        assert parts.pool.children == []

    assert changes.actions("child_failed") == []


async def test_stopping_during_prewarm_is_no_failure(plan: Plan, changes: Changes) -> None:
    """A prewarm that takes no notice is cut off once its time is over."""
    plan = with_spec(plan, exit_timeout=0.2)
    async with supervised(plan, changes, Script(plan, "never_ready")) as parts:
        await changes.until(lambda: parts.children("prewarming"))

        parts.pool.close_to_jobs("the daemon is stopping")

        async with asyncio.timeout(DEADLINE):
            await parts.pool.wait_empty()

    assert changes.actions("child_failed") == []


async def test_a_drain_leaves_jobs_running_and_starts_nothing(plan: Plan, changes: Changes) -> None:
    """Warm children go, and are not replaced."""
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()
        (warm,) = await parts.idle()

        parts.pool.close_to_jobs("drain")

        await parts.gone(warm)
        assert [child.state for child in parts.pool.children] == ["running"]


async def test_closing_kills_and_reaps_whatever_lives(plan: Plan, changes: Changes) -> None:
    """Jobs end with a reason; what had no job is not called a failure."""
    plan = structs.replace(plan, spec=structs.replace(plan.spec, exit_timeout=60.0))
    async with supervised(plan, changes, Script(plan, "job_ignores_shutdown")) as parts:
        job = await parts.start_job()
        await job.running()
        await parts.idle()

        await parts.pool.aclose("the daemon is stopping")
        await parts.pool.aclose("again")

        assert parts.pool.children == []

    assert job.losses == ["the job's process was killed: the daemon is stopping"]
    assert [r.__dict__["job"] for r in changes.actions("child_failed")] == ["AJ_1"]


# -- a child beside the one that a job has ---------------------------------------------


async def test_a_child_beside_is_to_be_had_though_every_seat_is_taken(
    plan: Plan, changes: Changes
) -> None:
    """For a job that is moved onto new code; the seat goes with it, and the job counts once."""
    plan = with_pool(plan, num_idle_processes=1, max_jobs=1)
    async with supervised(plan, changes, Script(plan)) as parts:
        await parts.idle()
        first = await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)
        parts.pool.use_launcher(Script(plan), "script")

        second = await parts.pool.reserve_beside(JobId("AJ_1"), now() + DEADLINE)

        view = parts.pool.view()
        outdated = [parts.pool.is_outdated(child) for child in (first, second)]
        second.kill("the test is over")
        await parts.gone(second)
        left = parts.pool.roster.free_seats

    assert (second.slot, view.busy, view.slots) == (1, 1, 1)
    assert outdated == [True, False]
    assert left == 0


async def test_a_child_beside_that_does_not_come_leaves_no_seat(
    plan: Plan, changes: Changes
) -> None:
    """The next job would get it, and be one too many."""
    plan = with_pool(plan, num_idle_processes=1, max_jobs=1)
    async with supervised(plan, changes, Script(plan)) as parts:
        await parts.idle()
        await parts.pool.reserve(JobId("AJ_1"), now() + DEADLINE)
        parts.pool.use_launcher(None, "none")

        with pytest.raises(ChildError, match="no template"):
            await parts.pool.reserve_beside(JobId("AJ_1"), now() + 0.05)

        assert parts.pool.roster.free_seats == 0
