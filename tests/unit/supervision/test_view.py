"""What people and health are shown."""

from __future__ import annotations

import asyncio

import msgspec

from agentd.supervision.view import ChildView, TreeView, Trouble, find_troubles
from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Plan, Schedule, Script
from tests.unit.supervision.scripted import supervisor_of

CRASHES = Plan(lasts=1.0)


def view_at(at: float, *scripts: Script, restarts: int = 9) -> TreeView:
    """The view of a supervisor at an instant."""

    async def look() -> TreeView:
        async with supervisor_of(Schedule(scripts, restarts=restarts), []) as supervisor:
            await asyncio.sleep(at)
            return supervisor.view()

    return run_virtual(look())


def child_at(at: float, script: Script, *, restarts: int = 9) -> ChildView:
    """The view of one child at an instant."""
    return view_at(at, script, restarts=restarts).children[0]


def test_a_child_that_runs() -> None:
    """For how long, and nothing to complain of."""
    child = child_at(3.0, Script("a"))

    assert (child.state, child.since, child.restarts, child.last_error) == ("running", 3.0, 0, "")
    assert child.next_start_in is None


def test_a_child_in_backoff() -> None:
    """Since when, what it died of, and when it comes back."""
    child = child_at(1.5, Script("a", plans=(CRASHES,), base=64.0, cap=64.0))

    assert (child.state, child.since, child.last_error) == ("backoff", 0.5, "OSError: crashed")
    assert child.next_start_in is not None
    assert 0.0 < child.next_start_in < 64.0


def test_a_child_that_failed_too_often() -> None:
    """In trouble until it has been healthy for long enough."""
    script = Script("a", plans=(CRASHES,), cap=8.0, cool_down=True, healthy_after=5.0)

    states = [child_at(at, script, restarts=0) for at in (2.0, 9.5, 14.5)]

    assert [(child.state, child.failures) for child in states] == [
        ("failed", 1),
        ("running", 1),
        ("running", 0),
    ]
    assert states[0].next_start_in == 7.0


def test_a_finished_child() -> None:
    """Is kept, and says so."""
    script = Script("a", plans=(Plan(lasts=1.0, exit="normal"),), restart="transient")

    assert child_at(2.0, script).state == "finished"


def test_the_supervisor_itself() -> None:
    """How near it is to giving up."""
    view = view_at(1.5, Script("a", plans=(CRASHES,), base=0.0))

    assert (view.name, view.strategy, view.state) == ("sup", "one_for_one", "running")
    assert (view.recent_restarts, view.allowed_restarts, view.period) == (1, 9, 5.0)


def test_old_restarts_do_not_count_as_recent() -> None:
    """The window slides also while nothing happens."""
    assert view_at(30.0, Script("a", plans=(CRASHES,), base=0.0)).recent_restarts == 0


def test_troubles_name_the_path_the_error_and_what_comes_next() -> None:
    """Also those below; children that are well are left out."""
    bad = child_at(2.0, Script("a", plans=(CRASHES,), cap=8.0, cool_down=True), restarts=0)
    below = msgspec.structs.replace(view_at(2.0, Script("b")), name="sub", children=(bad,))
    well = child_at(2.0, Script("sub"))
    view = msgspec.structs.replace(
        view_at(2.0), name="root", children=(msgspec.structs.replace(well, below=below),)
    )

    assert find_troubles(view) == (
        Trouble(
            path="root/sub/a",
            state="failed",
            failures=1,
            last_error="OSError: crashed",
            next_start_in=7.0,
        ),
    )


def test_a_child_that_failed_and_then_finished_is_no_trouble() -> None:
    """It is not expected to come back."""
    plans = (CRASHES, Plan(lasts=1.0, exit="normal"))
    view = view_at(3.0, Script("a", plans=plans, restart="transient", base=0.0))

    assert (view.children[0].state, view.children[0].failures) == ("finished", 1)
    assert find_troubles(view) == ()


def test_a_view_can_be_sent() -> None:
    """`agentd status` asks another process for it."""
    view = view_at(1.0, Script("a"))

    assert msgspec.json.decode(msgspec.json.encode(view), type=TreeView) == view


def test_listeners_hear_of_each_change() -> None:
    """Nobody has to look again and again."""
    states: list[str] = []

    async def listen() -> None:
        script = Script("a", plans=(Plan(start=1.0, lasts=1.0),), base=64.0, cap=64.0)
        supervisor = supervisor_of(Schedule((script,)), [])
        supervisor.subscribe(lambda: states.append(supervisor.view().children[0].state))
        async with supervisor:
            await asyncio.sleep(2.0)

    run_virtual(listen())

    assert states == ["starting", "running", "backoff", "terminated"]
