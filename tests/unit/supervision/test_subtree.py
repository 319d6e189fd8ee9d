"""Supervisors below supervisors."""

from __future__ import annotations

import asyncio

import pytest

from agentd.aio.timing import now
from agentd.errors import Escalated
from agentd.supervision.budget import KILL_WAIT, MARGIN, stop_budget
from agentd.supervision.exits import Exit
from agentd.supervision.intensity import Intensity
from agentd.supervision.policy import RestartPolicy
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded, SupervisorSpec
from agentd.supervision.subtree import supervisor_child
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import TreeView
from agentd.testing.virtual_time import run_virtual
from tests.unit.supervision.schedule import Moment, Plan, Script
from tests.unit.supervision.scripted import spec_of

AT_ONCE = BackoffSettings(base=0.0, cap=30.0)


def crasher(moments: list[Moment], deaths: int) -> ChildSpec:
    """A child that dies so often, each time after a second."""
    return spec_of(Script("a", plans=(Plan(lasts=1.0),) * deaths, base=0.0), moments)


def tree(
    *children: ChildSpec,
    restarts: int,
    above: int = 3,
    on_exceeded: OnExceeded = OnExceeded.ESCALATE,
) -> Supervisor:
    """A root above a supervisor `sub` of these children."""
    sub = SupervisorSpec(
        name="sub", children=children, intensity=Intensity(restarts=restarts, period=60.0)
    )
    child = supervisor_child(sub, on_exceeded=on_exceeded)
    return Supervisor(
        SupervisorSpec(
            name="root", children=(child,), intensity=Intensity(restarts=above, period=60.0)
        )
    )


async def end_of(supervisor: Supervisor) -> Exit:
    """How a supervisor ends by itself."""
    async with supervisor:
        return await supervisor.wait()


def sub_of(view: TreeView) -> TreeView:
    """The view of the supervisor below."""
    below = view.children[0].below
    assert below is not None
    return below


def test_a_supervisor_that_gives_up_is_restarted_by_its_parent() -> None:
    """With new children and without a past."""
    moments: list[Moment] = []

    async def watch() -> tuple[int, int]:
        async with tree(crasher(moments, 2), restarts=1) as root:
            await asyncio.sleep(40.0)
            return root.view().children[0].restarts, sub_of(root.view()).recent_restarts

    assert run_virtual(watch()) == (1, 0)


def test_escalation_goes_up_to_the_root_and_names_what_began_it() -> None:
    """Child, error, and how often, in one line; the cause of each level is the one below."""
    exit = run_virtual(end_of(tree(crasher([], 99), restarts=1, above=0)))

    assert isinstance(exit.error, Escalated)
    assert (exit.error.child, exit.error.history) == ("sub", (2.0,))
    assert isinstance(exit.error.__cause__, Escalated)
    assert exit.error.__cause__.child == "a"
    assert exit.error.__cause__.last_error == "OSError: crashed"
    assert exit.error.__cause__.history == (1.0, 2.0)
    assert str(exit.error).endswith("at last of: OSError: crashed")


def test_a_transient_supervisor_that_gives_up_is_restarted_too() -> None:
    """Giving up is an error here, where OTP calls it `shutdown`."""
    sub = SupervisorSpec(
        name="sub", children=(crasher([], 1),), intensity=Intensity(restarts=0, period=1.0)
    )
    child = supervisor_child(sub, restart=RestartPolicy.TRANSIENT)

    async def watch() -> str:
        async with Supervisor(SupervisorSpec(name="root", children=(child,))) as root:
            await asyncio.sleep(30.0)
            return root.view().children[0].state

    assert run_virtual(watch()) == "running"


def test_a_subtree_that_cools_down_leaves_the_root_alive() -> None:
    """And comes back by itself when what is below it works."""

    async def watch() -> tuple[str, str]:
        root = tree(crasher([], 3), restarts=0, above=1, on_exceeded=OnExceeded.COOL_DOWN)
        async with root:
            await asyncio.sleep(3.9)
            before = root.view().children[0].state
            await asyncio.sleep(60.0)
            return before, root.view().children[0].state

    assert run_virtual(watch()) == ("failed", "running")


def test_stopping_a_subtree_may_take_as_long_as_all_its_children() -> None:
    """`infinity` is the sum of the deadlines below, not a number of its own."""
    moments: list[Moment] = []
    slow = Plan(heeds=60.0)
    children = [spec_of(Script(name, plans=(slow,), shutdown=20.0), moments) for name in "abc"]

    async def stop() -> float:
        async with tree(*children, restarts=1):
            pass
        return now()

    assert run_virtual(stop()) == 60.0
    assert [who for _, what, who in moments if what == "killed"] == ["c", "b", "a"]


def test_the_budget_of_a_subtree_is_the_sum_of_what_is_below() -> None:
    """Each child's grace and what force may take, and a second for each level."""
    supervisor = tree(crasher([], 0), restarts=1)

    child = 5.0 + KILL_WAIT
    sub = MARGIN + child
    assert supervisor.stop_budget() == MARGIN + sub + (MARGIN + KILL_WAIT)
    assert stop_budget([]) == MARGIN


def test_a_subtree_that_starts_is_seen_and_can_be_stopped() -> None:
    """`status` shows what it waits for; a stop reaches all the way down."""
    moments: list[Moment] = []
    slow = spec_of(Script("slow", plans=(Plan(start=50.0),)), moments)

    async def stop() -> TreeView:
        root = tree(spec_of(Script("a"), moments), slow, restarts=1)
        asyncio.get_running_loop().call_later(1.0, root.ask_stop, "the test")
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(start_quietly(root))
            await asyncio.sleep(0.5)
            view = root.view()
            await root.wait()
            assert now() == 1.0
            await starting
        return view

    view = sub_of(run_virtual(stop()))

    assert view.state == "starting"
    assert [(child.id, child.state) for child in view.children] == [
        ("a", "running"),
        ("slow", "starting"),
    ]
    assert [moment[1:] for moment in moments[-3:]] == [
        ("cut", "slow"),
        ("asked", "a"),
        ("ended", "a"),
    ]


async def start_quietly(supervisor: Supervisor) -> None:
    """Start what will be stopped meanwhile."""
    with pytest.raises(Exception, match="stopped while starting"):
        await supervisor.start()
