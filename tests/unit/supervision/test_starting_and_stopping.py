"""Ordered start, reverse-ordered stop, and every moment at which a stop may come."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import NotStarted
from agentd.supervision.supervisor import Supervisor
from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Moment, Plan, Schedule, Script
from tests.unit.supervision.scripted import observe, supervisor_of


def moments_of(*scripts: Script, **settings: object) -> list[Moment]:
    """What a supervisor's children see."""
    schedule = Schedule(scripts=scripts, **settings)  # type: ignore[arg-type]
    return run_virtual(observe(schedule)).moments


def test_children_start_from_left_to_right_each_when_the_last_is_ready() -> None:
    """Ready, not merely begun."""
    moments = moments_of(
        Script("a", plans=(Plan(start=2.0),)), Script("b", plans=(Plan(start=1.0),))
    )

    assert moments[:4] == [
        (0, "start", "a"),
        (2, "ready", "a"),
        (2, "start", "b"),
        (3, "ready", "b"),
    ]


def test_children_stop_from_right_to_left_each_when_the_last_has_ended() -> None:
    """One after the other."""
    moments = moments_of(
        Script("a", plans=(Plan(heeds=1.0),)), Script("b", plans=(Plan(heeds=2.0),)), stop_at=9.0
    )

    assert moments[4:] == [
        *((9.0, "asked", "b"), (11.0, "ended", "b")),
        *((11.0, "asked", "a"), (12.0, "ended", "a")),
    ]


def test_a_child_that_does_not_heed_is_forced_at_its_deadline() -> None:
    """Ask, wait, force, and still wait."""
    moments = moments_of(Script("a", plans=(Plan(heeds=60.0),), shutdown=3.0), stop_at=9.0)

    assert moments[2:] == [(9.0, "asked", "a"), (12.0, "killed", "a"), (12.0, "ended", "a")]


def test_a_brutal_kill_does_not_ask() -> None:
    """As the words say."""
    moments = moments_of(Script("a", shutdown=None), stop_at=9.0)

    assert moments[2:] == [(9.0, "killed", "a"), (9.0, "ended", "a")]


def test_stop_asked_during_the_first_start_cuts_it_short() -> None:
    """Those that were ready are stopped, those to come never start."""
    moments = moments_of(
        Script("a"), Script("b", plans=(Plan(start=20.0),)), Script("c"), stop_at=9.0
    )

    assert moments[3:] == [(9.0, "cut", "b"), (9.0, "asked", "a"), (9.0, "ended", "a")]


def test_stop_asked_during_backoff_ends_it() -> None:
    """What waits is not started any more, and nothing is waited for."""
    outcome = run_virtual(
        observe(
            Schedule((Script("a", plans=(Plan(lasts=8.0),), base=64.0, cap=64.0),), stop_at=9.0)
        )
    )

    assert outcome.verdict == "shutdown"
    assert [moment[1] for moment in outcome.moments] == ["start", "ready", "ended"]


def test_stop_asked_during_a_restart_sequence_goes_on_with_the_stopping() -> None:
    """a is not asked twice, and nobody is started again."""
    moments = moments_of(
        Script("a", plans=(Plan(heeds=1.0),)),
        Script("b", plans=(Plan(lasts=8.0),), base=0.0),
        Script("c", plans=(Plan(heeds=2.0),)),
        strategy="one_for_all",
        stop_at=9.0,
    )

    assert moments[6:] == [
        *((8.0, "ended", "b"), (8.0, "asked", "c"), (10.0, "ended", "c")),
        *((10.0, "asked", "a"), (11.0, "ended", "a")),
    ]


def test_stop_asked_before_the_start_is_not_lost() -> None:
    """Nothing is started then."""
    moments: list[Moment] = []

    async def stop_first() -> None:
        supervisor = supervisor_of(Schedule((Script("a"),)), moments)
        supervisor.ask_stop("changed my mind")
        await supervisor.start()

    with pytest.raises(NotStarted, match="stopped while starting"):
        run_virtual(stop_first())
    assert moments == []


def test_stop_asked_while_giving_up_does_not_hide_why() -> None:
    """The first reason to end is the one that is told."""
    slow = Script("a", plans=(Plan(heeds=4.0),))
    crashes = Script("b", plans=(Plan(lasts=1.0),))

    outcome = run_virtual(observe(Schedule((slow, crashes), restarts=0, stop_at=2.0)))

    assert outcome.verdict == "escalated b"
    assert outcome.moments[-1] == (5.0, "ended", "a")


def test_a_first_start_that_fails_takes_down_what_was_started() -> None:
    """In reverse; the error names the child and what it said, and keeps the cause."""
    moments: list[Moment] = []
    scripts = (Script("a"), Script("b"), Script("c", plans=(Plan(starts=False),)), Script("d"))

    with pytest.raises(NotStarted, match="child 'c' of 'sup'.*OSError: c can't start") as caught:
        run_virtual(supervisor_of(Schedule(scripts), moments).start())
    assert [f"{what} {who}" for _, what, who in moments][4:] == [
        *("start c", "failed c", "asked b", "ended b", "asked a", "ended a")
    ]
    assert isinstance(caught.value.__cause__, OSError)


def test_a_child_that_dies_while_the_next_one_starts_is_restarted() -> None:
    """It had been ready, so this is no failed start of the supervisor."""
    moments = moments_of(
        Script("a", plans=(Plan(lasts=1.0),), base=0.0), Script("b", plans=(Plan(start=5.0),))
    )

    assert moments[:6] == [
        *((0.0, "start", "a"), (0.0, "ready", "a"), (0.0, "start", "b")),
        *((1.0, "ended", "a"), (1.0, "start", "a"), (1.0, "ready", "a")),
    ]


def test_a_cancelled_start_leaves_nothing() -> None:
    """What was started has ended when the cancellation comes out."""
    moments: list[Moment] = []
    scripts = (Script("a", plans=(Plan(heeds=2.0),)), Script("b", plans=(Plan(start=50.0),)))

    async def give_up() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.0):
                await supervisor_of(Schedule(scripts), moments).start()
        return now()

    assert run_virtual(give_up()) == 7.0
    assert moments[-1] == (7.0, "ended", "a")


def test_killing_a_supervisor_forces_all_its_children_at_once() -> None:
    """Also those that were asked and have time left."""
    moments: list[Moment] = []
    slow = (Plan(heeds=60.0),)
    scripts = (Script("a", plans=slow), Script("b", plans=slow), Script("c", plans=slow))

    async def kill() -> float:
        supervisor = supervisor_of(Schedule(scripts), moments)
        await supervisor.start()
        supervisor.ask_stop("first nicely")
        await asyncio.sleep(1.0)
        supervisor.kill()
        await supervisor.wait()
        return now()

    assert run_virtual(kill()) == 1.0
    assert {who for _, what, who in moments if what == "killed"} == {"a", "b", "c"}


def test_closing_waits_for_the_end_and_being_cancelled_hastens_it() -> None:
    """The children are gone when `aclose` returns, however it does."""
    moments: list[Moment] = []

    async def close(supervisor: Supervisor) -> None:
        await supervisor.start()
        async with asyncio.timeout(2.0):
            await supervisor.aclose()

    with pytest.raises(TimeoutError):
        run_virtual(
            close(supervisor_of(Schedule((Script("a", plans=(Plan(heeds=4.0),)),)), moments))
        )
    assert moments[2:] == [(0.0, "asked", "a"), (2.0, "killed", "a"), (2.0, "ended", "a")]


def test_a_block_closes_its_supervisor() -> None:
    """`async with` starts and stops."""
    moments: list[Moment] = []

    async def block() -> None:
        async with supervisor_of(Schedule((Script("a"),)), moments):
            await asyncio.sleep(3.0)

    run_virtual(block())

    assert moments[1:] == [(0.0, "ready", "a"), (3.0, "asked", "a"), (3.0, "ended", "a")]
