"""A child shows its stacks on a signal, whatever it is doing, and goes on unharmed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentd.child.stacks import MAX_BYTES, THREADS_LINE
from agentd.protocol.app import (
    STACKS_END_LINE,
    STACKS_GENTLY_SIGNAL,
    STACKS_SIGNAL,
    STACKS_TASKS_LINE,
    AppRef,
)
from tests.support.changes import Changes
from tests.support.lonely_child import APP, LonelyChild, lonely_child, ready, running, state
from tests.support.scripted_supervisor import ScriptedSupervisor
from tests.support.subreaper import subreaper
from tests.support.supervised import Plan, supervised


@pytest.fixture
async def supervisor(workdir: Path) -> AsyncIterator[ScriptedSupervisor]:
    """Whom the child connects to."""
    async with ScriptedSupervisor(workdir / "s") as made:
        yield made


@pytest.fixture
async def child(workdir: Path, supervisor: ScriptedSupervisor) -> AsyncIterator[LonelyChild]:
    """A child by the book."""
    async with lonely_child(workdir) as made:
        yield made


async def stacks(child: LonelyChild) -> tuple[str, str]:
    """What it says of its threads, and of its tasks."""
    child.signal(STACKS_SIGNAL)
    text = await child.output.until(f"{STACKS_END_LINE}\n")
    threads, mark, tasks = text.partition(f"{STACKS_TASKS_LINE}\n")
    assert mark
    return threads, tasks


async def test_an_idle_loop_shows_threads_and_tasks(
    child: LonelyChild, supervisor: ScriptedSupervisor
) -> None:
    """Each task down to where it waits; the job goes on, and it can be asked again."""
    visit = await running(supervisor)

    threads, tasks = await stacks(child)
    again, _ = await stacks(child)

    child.act()
    assert "turn" in await state(visit)  # once in a thousand runs the signal counts twice
    assert "Current thread" in threads
    assert "Current thread" in again
    entrypoint = tasks[tasks.index(":entrypoint") :]
    assert entrypoint.index("in entry") < entrypoint.index("in waits_for_good")
    assert "lonely_app.py" in entrypoint


async def test_a_child_that_is_well_is_asked_gently(
    child: LonelyChild, supervisor: ScriptedSupervisor
) -> None:
    """Tasks, then threads, all from Python; the job goes on."""
    visit = await running(supervisor)

    child.signal(STACKS_GENTLY_SIGNAL)
    text = await child.output.until(f"{STACKS_END_LINE}\n")

    child.act()
    assert await state(visit) == {"turn": 1}
    tasks, mark, threads = text.partition(f"{THREADS_LINE}\n")
    assert mark
    assert tasks.startswith(f"{STACKS_TASKS_LINE}\n")
    assert "in waits_for_good" in tasks
    assert "Thread MainThread:" in threads
    assert "in run_child" in threads
    assert "in all_text" not in threads


@pytest.mark.parametrize("manner", ["sleeps", "spins"])
async def test_a_loop_that_is_blocked_in_python_shows_both(
    child: LonelyChild, supervisor: ScriptedSupervisor, manner: str
) -> None:
    """While it is blocked, and it is blocked no longer for it."""
    visit = await running(supervisor, manner)
    child.act()
    await child.output.until("blocked\n")

    threads, tasks = await stacks(child)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await visit.stream.receive()
    assert await state(visit) == {"turn": 1}
    assert f"in {manner}" in threads
    assert "in waits_for_good" in tasks


@pytest.mark.parametrize("manner", ["reads", "hashes"])
async def test_a_loop_that_is_blocked_in_c_shows_its_threads_at_once(
    child: LonelyChild, supervisor: ScriptedSupervisor, workdir: Path, manner: str
) -> None:
    """Its tasks when it gets to it; what it was blocked in comes to its end."""
    os.mkfifo(workdir / "gate")
    visit = await running(supervisor, manner)
    child.act()
    await child.output.until("blocked\n")
    with os.fdopen(os.open(workdir / "gate", os.O_RDWR), "wb", buffering=0) as gate:
        child.signal(STACKS_SIGNAL)
        threads = await child.output.until(f"in {manner}")
        gate.write(b"open")
        after = await state(visit)
        tasks = await child.output.until(f"{STACKS_END_LINE}\n")

    assert after == ({"turn": 0, "read": b"open"} if manner == "reads" else {"turn": 1})
    assert "Current thread" in threads
    assert STACKS_TASKS_LINE in tasks


async def test_what_is_shown_of_many_tasks_is_bounded(
    child: LonelyChild, supervisor: ScriptedSupervisor
) -> None:
    """The rest is counted."""
    visit = await running(supervisor, "has_tasks")
    child.act()
    await state(visit)

    _, tasks = await stacks(child)

    assert len(tasks) <= MAX_BYTES
    assert "tasks more\n" in tasks


async def test_a_child_without_a_job_shows_its_stacks_too(
    child: LonelyChild, supervisor: ScriptedSupervisor
) -> None:
    """A prewarm may hang as well."""
    visit = await ready(supervisor)
    await visit.ping()

    _, tasks = await stacks(child)

    await visit.ping()
    assert "Task child:frames" in tasks


async def test_a_program_of_the_job_has_the_default_disposition(
    child: LonelyChild, supervisor: ScriptedSupervisor
) -> None:
    """Neither ignored nor blocked nor handled."""
    visit = await running(supervisor, "starts_a_program")
    child.act()

    masks = (await state(visit))["signals"]

    bit = 1 << (STACKS_SIGNAL - 1)
    assert {name for name in ("SigIgn:", "SigBlk:", "SigCgt:") if int(masks[name], 16) & bit} == (
        set()
    )


async def test_the_signal_is_nothing_to_the_template(workdir: Path) -> None:
    """It forks as before, and its children answer the signal."""
    with subreaper(), Changes() as changes:
        plan = Plan(directory=workdir, app=AppRef(target=str(APP)))
        async with supervised(plan, changes) as parts:
            await parts.idle()
            pid = parts.keeper.view().pid
            assert pid is not None
            os.kill(pid, STACKS_SIGNAL)

            job = await parts.start_job()
            await job.running()
            assert job.child.pid is not None
            os.kill(job.child.pid, STACKS_SIGNAL)

            await changes.until(lambda: STACKS_END_LINE in parts.sink.texts())
            assert parts.keeper.view().pid == pid
