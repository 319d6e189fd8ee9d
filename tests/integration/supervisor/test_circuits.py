"""Real children that call one service: an outage is learnt once, and so is its end."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.figures import here
from agentd.figures.families import FALLBACK_SWITCHES
from agentd.protocol.app import AppRef
from agentd.supervisor.child import Child
from tests.support.changes import Changes
from tests.support.circuit_app import KEY
from tests.support.supervised import Plan, Supervised, supervised, with_pool

APP = Path(__file__).parents[2] / "support" / "circuit_app.py"


class Calls:
    """A supervisor with children, the service that they call, and what they say of it."""

    def __init__(self, parts: Supervised, directory: Path) -> None:
        self.parts = parts
        self._directory = directory
        self._jobs = 0

    def down(self) -> None:
        """The service goes down."""
        (self._directory / "down").touch()

    def up(self) -> None:
        """The service is well again."""
        (self._directory / "down").unlink()

    def hang(self) -> None:
        """The service is up, but does not answer what is called now."""
        (self._directory / "hang").touch()
        self.up()

    def answer(self) -> None:
        """What is called from now on is answered."""
        (self._directory / "hang").unlink()

    def prober(self) -> Child | None:
        """The child whose probe is at the service."""
        views = self.parts.pool.circuits.view()
        name = views[0].prober if views and self.made("up") else ""
        return next((child for child in self.parts.pool.children if child.id == name), None)

    def made(self, outcome: str) -> int:
        """How many calls of all children went so: `up` or `down`."""
        calls = self._directory / "calls"
        return calls.read_text().split().count(outcome) if calls.exists() else 0

    async def child(self, manner: str) -> Child:
        """A child with a job that listens."""
        self._jobs += 1
        job = await self.parts.start_job(f"{manner}:{self._directory}", f"AJ_{self._jobs}")
        await self.says(job.child, "listening")
        return job.child

    def said(self, child: Child) -> list[str]:
        """All lines of a child so far."""
        lines = self.parts.sink.lines
        return [text for text, fields in lines if fields.get("child") == child.id]

    async def says(self, child: Child, text: str, times: int = 1) -> None:
        """Wait until a child has said something so many times."""
        await self.parts.changes.until(lambda: self.said(child).count(text) >= times)

    async def call(self, child: Child) -> str:
        """Have a child make a call; how it went."""
        before = sum(line.startswith("call ") for line in self.said(child))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGUSR1)

        def new() -> list[str]:
            return [line for line in self.said(child) if line.startswith("call ")][before:]

        return (await self.parts.changes.until(new))[0].removeprefix("call ")


@pytest.fixture
async def calls(workdir: Path, changes: Changes) -> AsyncIterator[Calls]:
    """Room for five jobs."""
    plan = with_pool(
        Plan(directory=workdir, app=AppRef(target=str(APP))), max_jobs=5, num_idle_processes=1
    )
    async with supervised(plan, changes) as parts:
        yield Calls(parts, workdir)


async def test_an_outage_that_one_child_has_learnt_is_not_learnt_again_by_another(
    calls: Calls,
) -> None:
    """Nor by one that is born later: none of them makes a call."""
    calls.down()
    first, second = await calls.child("one"), await calls.child("one")
    known = {child.id for child in calls.parts.pool.children}

    learnt = [await calls.call(first) for _ in range(4)]
    await calls.says(second, "circuit open")
    told = await calls.call(second)
    await calls.child("one")
    later = await calls.child("one")
    told_later = await calls.call(later)

    assert learnt == ["api_connection"] * 4
    assert (told, told_later) == ("circuit_open", "circuit_open")
    assert later.id not in known
    assert calls.made("down") == 4


async def test_one_child_probes_and_its_answer_is_known_to_all(
    calls: Calls, changes: Changes
) -> None:
    """Those that have a fallback wait for it, and come back without a call of their own."""
    calls.down()
    alone = await calls.child("one")
    waiting = [await calls.child("both") for _ in range(3)]
    for _ in range(4):
        await calls.call(alone)
    for child in waiting:
        await calls.says(child, "circuit open")
    fallen_back = [await calls.call(child) for child in waiting]

    calls.up()
    for child in [alone, *waiting]:
        await calls.says(child, "circuit closed")
    probes = calls.made("up")
    again = [await calls.call(child) for child in [alone, *waiting]]

    assert fallen_back == ["second"] * 3
    assert probes == 1
    assert again == ["first"] * 4
    assert calls.parts.pool.circuits.view() == ()
    actions = [record.__dict__.get("action") for record in changes.records]
    assert actions.count("circuit_closed") == 1
    assert calls.parts.pool.circuits.opened[KEY] == actions.count("circuit_opened")


async def test_a_child_that_dies_while_it_probes_makes_way_for_another(
    calls: Calls, changes: Changes
) -> None:
    """Whose turn is at once, not after the time that a probe may take."""
    calls.down()
    alone = await calls.child("one")
    waiting = [await calls.child("both") for _ in range(2)]
    for _ in range(4):
        await calls.call(alone)
    for child in waiting:
        await calls.says(child, "circuit open")
        await calls.call(child)

    calls.hang()
    prober = await changes.until(calls.prober)
    calls.answer()
    assert prober is not None
    waiting.remove(prober)
    prober.kill("to see what becomes of its probe")
    [other] = waiting
    await calls.says(other, "circuit closed")

    assert calls.made("up") == 2


async def test_what_children_count_is_added_up_in_the_supervisor(calls: Calls) -> None:
    """Also what they have counted right before their end."""
    calls.down()
    children = [await calls.child("both") for _ in range(2)]
    before = sum(here.counts(FALLBACK_SWITCHES).values())

    for child in children:
        assert await calls.call(child) == "second"
        child.shutdown("to hear what it has counted")
        await calls.parts.gone(child)

    assert sum(here.counts(FALLBACK_SWITCHES).values()) - before == 2
