"""Children that are added, terminated, restarted and deleted while the supervisor runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agentd.aio.timing import now
from agentd.errors import NotStarted, SupervisionError
from agentd.supervision.supervisor import Supervisor
from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Moment, Plan, Schedule, Script
from tests.unit.supervision.scripted import spec_of, supervisor_of

Ask = Callable[[Supervisor], Awaitable[None]]


def run(*scripts: Script, ask: Ask, strategy: str = "one_for_one") -> list[Moment]:
    """Start a supervisor, ask something of it, stop it; what its children saw before the stop."""
    moments: list[Moment] = []

    async def main() -> list[Moment]:
        async with supervisor_of(Schedule(scripts, strategy=strategy), moments) as supervisor:
            await ask(supervisor)
            return list(moments)

    return run_virtual(main())


def states(supervisor: Supervisor) -> dict[str, str]:
    """The state of each child."""
    return {child.id: child.state for child in supervisor.view().children}


def test_an_added_child_is_ready_when_add_returns() -> None:
    """And is the last to be started, the first to be stopped."""
    moments: list[Moment] = []

    async def add() -> float:
        async with supervisor_of(Schedule((Script("a"),)), moments) as supervisor:
            await supervisor.add(spec_of(Script("b", plans=(Plan(start=2.0),)), moments))
            return now()

    assert run_virtual(add()) == 2.0
    assert [f"{what} {who}" for _, what, who in moments][3:] == [
        *("ready b", "asked b", "ended b", "asked a", "ended a")
    ]


def test_an_added_child_whose_start_fails_is_not_kept() -> None:
    """As with OTP's start_child; the error says why."""

    async def add(supervisor: Supervisor) -> None:
        with pytest.raises(NotStarted, match="'b' could not be started: b can't start"):
            await supervisor.add(spec_of(Script("b", plans=(Plan(starts=False),)), []))
        assert states(supervisor) == {"a": "running"}

    run(Script("a"), ask=add)


def test_an_id_that_is_taken_is_refused() -> None:
    """Also when that child is down."""

    async def add(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        with pytest.raises(SupervisionError, match="'sup' has a child 'a' already"):
            await supervisor.add(spec_of(Script("a"), []))

    run(Script("a"), ask=add)


def test_a_terminated_child_is_down_when_terminate_returns_and_stays_down() -> None:
    """Its spec is kept."""

    async def terminate(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        assert now() == 2.0
        await asyncio.sleep(60.0)
        assert states(supervisor) == {"a": "terminated"}

    moments = run(Script("a", plans=(Plan(heeds=2.0),)), ask=terminate)

    assert moments[-1] == (2.0, "ended", "a")


def test_a_temporary_child_is_forgotten_when_it_is_terminated() -> None:
    """There is nothing to restart."""

    async def terminate(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        assert states(supervisor) == {}

    run(Script("a", restart="temporary"), ask=terminate)


def test_terminating_during_backoff_gives_up_the_restart() -> None:
    """At once."""

    async def terminate(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.5)
        await supervisor.terminate("a")
        await asyncio.sleep(60.0)
        assert states(supervisor) == {"a": "terminated"}

    moments = run(Script("a", plans=(Plan(lasts=1.0),), base=64.0, cap=64.0), ask=terminate)

    assert len(moments) == 3


def test_a_terminated_child_can_be_restarted() -> None:
    """That is no restart that counts."""

    async def restart(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        await supervisor.restart("a")
        assert states(supervisor) == {"a": "running"}
        assert supervisor.view().recent_restarts == 0

    run(Script("a"), ask=restart)


def test_a_restart_by_hand_that_fails_leaves_the_child_down() -> None:
    """As with OTP's restart_child: it is not tried again."""

    async def restart(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        with pytest.raises(NotStarted, match="can't start"):
            await supervisor.restart("a")
        await asyncio.sleep(60.0)
        assert states(supervisor) == {"a": "terminated"}

    run(Script("a", plans=(Plan(), Plan(starts=False))), ask=restart)


def test_a_child_that_runs_can_be_neither_restarted_nor_deleted() -> None:
    """The error names the state and the remedy."""

    async def ask(supervisor: Supervisor) -> None:
        with pytest.raises(SupervisionError, match="'a' is running: terminate it before"):
            await supervisor.restart("a")
        with pytest.raises(SupervisionError, match="'a' is running: terminate it before"):
            supervisor.delete("a")

    run(Script("a"), ask=ask)


def test_a_deleted_child_is_unknown() -> None:
    """The error lists those that are known."""

    async def delete(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        supervisor.delete("a")
        with pytest.raises(SupervisionError, match="'sup' has no child 'a'; it has: b"):
            await supervisor.restart("a")

    run(Script("a"), Script("b"), ask=delete)


def test_hurry_cuts_a_backoff_short() -> None:
    """For when what it waited for has come."""

    async def hurry(supervisor: Supervisor) -> None:
        await asyncio.sleep(1.5)
        supervisor.hurry("a")
        await asyncio.sleep(0.1)

    moments = run(Script("a", plans=(Plan(lasts=1.0),), base=64.0, cap=64.0), ask=hurry)

    assert moments[3:] == [(1.5, "start", "a"), (1.5, "ready", "a")]


def test_a_group_restart_starts_what_was_terminated_by_hand() -> None:
    """OTP keeps the spec so that "the child process can later be restarted by the supervisor"."""

    async def terminate(supervisor: Supervisor) -> None:
        await supervisor.terminate("a")
        await asyncio.sleep(10.0)
        assert states(supervisor) == {"a": "running", "b": "running"}

    run(Script("a"), Script("b", plans=(Plan(lasts=1.0),)), ask=terminate, strategy="one_for_all")


def test_adding_to_a_supervisor_that_stops_is_refused() -> None:
    """Nothing would ever stop the child again."""

    async def add(supervisor: Supervisor) -> None:
        supervisor.ask_stop("the test")
        with pytest.raises(SupervisionError, match="'sup' is stopping"):
            await supervisor.add(spec_of(Script("b"), []))

    run(Script("a"), ask=add)


def test_adding_ends_when_the_supervisor_does() -> None:
    """Who waits for a child that will not come is told."""

    async def add(supervisor: Supervisor) -> None:
        asyncio.get_running_loop().call_later(1.0, supervisor.ask_stop, "the test")
        with pytest.raises(NotStarted, match="stopped meanwhile"):
            await supervisor.add(spec_of(Script("b", plans=(Plan(start=50.0),)), []))
        assert now() == 1.0

    run(Script("a"), ask=add)
