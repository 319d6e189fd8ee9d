"""What follows from a template that fails too often, on a virtual clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import pytest

from agentd.daemon.failing import TemplateFailing, show_failing
from agentd.daemon.tree import TREE, add_child
from agentd.errors import AppError
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import ready_task_child
from agentd.supervision.view import find_troubles
from agentd.supervisor.reports import write_tree_report
from agentd.supervisor.snapshot import PoolView
from agentd.testing.virtual_time import run_virtual
from tests.support.changes import Changes

POOL = PoolView(
    slots=4,
    children=[],
    idle=0,
    starting=0,
    busy=0,
    waiting=0,
    idle_target=2,
    start_method="fork",
    failures=7,
    last_error="prewarm raised",
    failing="children failed too often, at last of: prewarm raised",
)


class Obstacles:
    """The pool, as far as it is told of the template."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note_obstacle(self, why: str) -> None:
        """Keep what was told."""
        self.told.append(why)


class App:
    """A template that can be imported, or can't."""

    def __init__(self) -> None:
        self.broken = False
        self.tried_at: list[float] = []

    async def run(self, ready: Callable[[], None]) -> None:
        """One life; ends when the app is broken."""
        self.tried_at.append(asyncio.get_running_loop().time())
        if self.broken:
            raise AppError("SyntaxError")
        ready()
        while not self.broken:  # noqa: ASYNC110 - the clock is virtual
            await asyncio.sleep(1.0)
        raise AppError("died")


async def scene(app: App, pool: Obstacles) -> Supervisor:
    """A tree with nothing but this template in it."""
    tree = Supervisor(TREE, write=write_tree_report)
    await tree.start()
    TemplateFailing(tree, pool)
    spec = ChildSpec(
        id="template",
        start=ready_task_child(app.run, name="template"),
        backoff=BackoffSettings(cap=30.0),
        on_exceeded=OnExceeded.COOL_DOWN,
    )
    await add_child(tree, spec)
    return tree


def test_a_template_that_fails_too_often_is_an_obstacle_until_it_is_mended() -> None:
    """Told once each way, and in the log once each way; tried at the longest delay meanwhile."""

    async def story() -> tuple[list[str], list[str], list[float], bool]:
        app, pool = App(), Obstacles()
        tree = await scene(app, pool)
        app.broken = True
        with Changes() as changes:
            await asyncio.sleep(300.0)
            cooling = app.tried_at[-3:]
            app.broken = False
            tree.hurry("template")
            await asyncio.sleep(5.0)
            too_early = bool(changes.actions("recovered"))
            await asyncio.sleep(20.0)
            actions = [str(record.__dict__["action"]) for record in changes.records]
        await tree.aclose()
        return pool.told, actions, cooling, too_early

    told, actions, cooling, too_early = run_virtual(story())

    assert told == ["the template fails: AppError: SyntaxError", ""]
    assert actions.count("failing") == actions.count("recovered") == 1
    assert actions[-1] == "recovered"
    assert not too_early
    assert [after - before for before, after in itertools.pairwise(cooling)] == pytest.approx(
        [30, 30]
    )


def test_a_template_that_died_once_is_no_obstacle() -> None:
    """It is back in a moment, and warm children serve meanwhile."""

    async def story() -> tuple[list[str], list[str]]:
        app, pool = App(), Obstacles()
        tree = await scene(app, pool)
        with Changes() as changes:
            app.broken = True
            await asyncio.sleep(1.5)
            app.broken = False
            await asyncio.sleep(60.0)
            actions = [str(record.__dict__["action"]) for record in changes.records]
        await tree.aclose()
        return pool.told, actions

    told, actions = run_virtual(story())

    assert told == []
    assert actions[0] == "template_died"
    assert {"failing", "recovered"} & set(actions) == set()


def test_a_failing_pool_is_shown_in_the_tree() -> None:
    """Its children are not in the tree, so their last error is put there."""

    async def story() -> None:
        app = App()
        tree = await scene(app, Obstacles())
        await add_child(tree, spec_of("pool"))
        shown = show_failing(tree.view(), POOL)
        (trouble,) = find_troubles(shown)
        assert (trouble.path, trouble.last_error) == ("daemon/pool", "prewarm raised")
        well = msgspec.structs.replace(POOL, failing="")
        assert find_troubles(show_failing(tree.view(), well)) == ()
        await tree.aclose()

    run_virtual(story())


def spec_of(child_id: str) -> ChildSpec:
    """A child that stays up."""
    return ChildSpec(id=child_id, start=ready_task_child(App().run, name=child_id))


def test_what_a_start_raised_is_what_its_adder_gets() -> None:
    """Users know nothing of trees, and exit codes go by the kind of error."""

    async def story() -> None:
        app = App()
        app.broken = True
        with pytest.raises(AppError, match="^SyntaxError$"):
            await scene(app, Obstacles())

    run_virtual(story())
