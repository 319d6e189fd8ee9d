"""Stacks of real processes, whatever they are doing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentd.supervisor.output import OutputReader
from agentd.supervisor.process import OsProcess, Reaper
from agentd.supervisor.spawn import spawn_python
from agentd.supervisor.stacks import Stacks, StackTaker

DEADLINE = 20.0
SCRIPT = Path(__file__).parents[2] / "support" / "sick_process.py"


class Sick:
    """A process, and what of its output was not its stacks."""

    def __init__(self) -> None:
        self.taker = StackTaker()
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.process: OsProcess | None = None

    def handle_line(self, line: str) -> None:
        """A line that it wrote."""
        if not self.taker.handle_line(line):
            self.lines.put_nowait(line)

    async def take(self) -> Stacks:
        """Its stacks, which come within the deadline whatever it does."""
        assert self.process is not None
        async with asyncio.timeout(DEADLINE):
            return await self.taker.take(self.process)

    async def take_gently(self) -> Stacks:
        """The same, as from a process that is well."""
        assert self.process is not None
        async with asyncio.timeout(DEADLINE):
            return await self.taker.take_gently(self.process)

    async def line(self) -> str:
        """The next line of its output."""
        async with asyncio.timeout(DEADLINE):
            return await self.lines.get()


@asynccontextmanager
async def sick(condition: str) -> AsyncIterator[Sick]:
    """A process in some condition."""
    made = Sick()
    output = OutputReader(made.handle_line)
    environment = dict(os.environ) | {"PYTHONPATH": str(SCRIPT.parents[2])}
    pid = spawn_python([str(SCRIPT), condition], environment, output_fd=output.write_fd)
    output.close_write_end()
    made.process = Reaper().watch(pid)
    try:
        assert await made.line() == "ready"
        yield made
    finally:
        made.process.signal(signal.SIGKILL)
        async with asyncio.timeout(DEADLINE):
            await made.process.wait()
        await output.finish(DEADLINE)


def stop(process: OsProcess) -> None:
    """Stop a process, and return when it has stopped."""
    process.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


@pytest.mark.parametrize("condition", ["sleeps_in_python", "spins"])
async def test_a_blocked_process_shows_where_it_is(condition: str) -> None:
    """Its threads, from faulthandler, and its tasks, from Python."""
    async with sick(condition) as process:
        stacks = await process.take()

    assert "(most recent call first):" in stacks.text
    assert f"in {condition}" in stacks.text
    assert "Task job:" in stacks.text
    assert stacks.note == ""


async def test_who_is_asked_gently_answers_by_python_alone() -> None:
    """No thread is looked at while it runs."""
    async with sick("sleeps_in_python") as process:
        stacks = await process.take_gently()

    assert stacks.text.startswith("-- tasks --\nTask job:")
    assert "(most recent call first):" not in stacks.text
    assert stacks.note == ""


async def test_who_does_not_answer_gently_is_asked_the_other_way() -> None:
    """It is not well."""
    async with sick("runs_no_python") as process:
        stacks = await process.take_gently()

    assert "in runs_no_python" in stacks.text
    assert "those of its tasks did not come" in stacks.note


async def test_who_asks_while_a_gentle_question_has_no_answer_asks_the_other_way() -> None:
    """An operator who looks must not cost the report of a blocked child its stacks."""
    async with sick("runs_no_python") as process, asyncio.TaskGroup() as tasks:
        gentle = tasks.create_task(process.take_gently())
        await asyncio.sleep(0)

        stacks = await process.take()

    assert "in runs_no_python" in stacks.text
    assert gentle.result() == stacks


async def test_threads_are_shown_where_no_python_code_can_run() -> None:
    """faulthandler needs none; what is missing is said."""
    async with sick("runs_no_python") as process:
        stacks = await process.take()

    assert "in runs_no_python" in stacks.text
    assert stacks.note.startswith("those of its tasks did not come: state S (sleeping)")


async def test_tasks_that_come_late_are_no_output() -> None:
    """A long call into C is over, and nobody waits for them any more."""
    async with sick("runs_no_python") as process:
        await process.take()
        assert process.process is not None
        process.process.signal(signal.SIGUSR1)

        line = await process.line()

    assert line == "it is over"


async def test_a_stopped_process_is_told_from_a_blocked_one() -> None:
    """It writes nothing; the kernel says why."""
    async with sick("sleeps_in_python") as process:
        assert process.process is not None
        stop(process.process)

        stacks = await process.take()

    assert stacks.text == ""
    assert stacks.note.startswith("no stacks, it is stopped: state T (stopped)")


async def test_a_stopped_process_that_goes_on_dumps_nothing_later() -> None:
    """It was not asked, so its output stays its own."""
    async with sick("sleeps_in_python") as process:
        assert process.process is not None
        stop(process.process)
        await process.take()
        process.process.signal(signal.SIGCONT)

        stacks = await process.take()

    assert stacks.text.count("-- tasks --") == 1
    assert process.lines.empty()


async def test_what_it_prints_meanwhile_is_output() -> None:
    """Every line goes to one of the two."""
    async with sick("chatters") as process:
        stacks = await process.take()
        line = await process.line()

    assert line == "chatter"
    assert "chatter\n" not in stacks.text
    assert "in chatters" in stacks.text


async def test_two_who_ask_get_one_answer() -> None:
    """The process is asked once."""
    async with sick("sleeps_in_python") as process:
        first, second = await asyncio.gather(process.take(), process.take())

    assert first is second


async def test_a_dead_process_has_no_stacks() -> None:
    """And nobody waits long for them."""
    async with sick("sleeps_in_python") as process:
        assert process.process is not None
        process.process.signal(signal.SIGKILL)
        await process.process.wait()

        stacks = await process.take()

    assert stacks.text == ""
    assert stacks.note == "no stacks, it is dead"
