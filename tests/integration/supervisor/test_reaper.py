"""How processes end, as the supervisor learns of it: real processes, real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from agentd.supervisor.exit import WaitStatus
from agentd.supervisor.process import OsProcess, Reaper
from tests.support.changes import Changes
from tests.support.subreaper import is_gone, open_descriptors

DEADLINE = 20.0


@pytest.fixture
async def reaper() -> AsyncIterator[Reaper]:
    """A reaper at work."""
    reaper = Reaper()
    reaper.start()
    yield reaper
    reaper.stop()


def start(code: str) -> int:
    """Start Python on some code, and return its pid."""
    return os.posix_spawn(sys.executable, [sys.executable, "-Sc", code], dict(os.environ))


async def end_of(process: OsProcess) -> WaitStatus:
    """How it ended, within the deadline."""
    async with asyncio.timeout(DEADLINE):
        return await process.wait()


async def test_an_exit_code_is_known(reaper: Reaper) -> None:
    """And the process is reaped."""
    process = reaper.watch(start("raise SystemExit(3)"))

    assert await end_of(process) == WaitStatus(code=3)
    assert is_gone(process.pid)
    assert process.status == WaitStatus(code=3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_signal_is_known(reaper: Reaper, number: signal.Signals) -> None:
    """It goes through the pidfd, so it can't hit a stranger."""
    process = reaper.watch(start("import signal; signal.pause()"))

    process.signal(number)

    assert await end_of(process) == WaitStatus(signal=number)


async def test_a_process_that_died_before_it_was_watched_is_known(reaper: Reaper) -> None:
    """Its zombie waits for us."""
    reaper.stop()
    pid = start("raise SystemExit(4)")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it ends at once

    assert await end_of(reaper.watch(pid)) == WaitStatus(code=4)


async def test_a_process_that_was_reaped_before_it_was_watched_is_known(
    reaper: Reaper, changes: Changes
) -> None:
    """The word of a birth may come after the death; the status is kept for it."""
    pid = start("raise SystemExit(5)")
    await changes.until(lambda: is_gone(pid))

    process = reaper.watch(pid)

    assert process.status == WaitStatus(code=5)


async def test_a_pid_that_was_never_ours_has_ended_somehow(
    reaper: Reaper, changes: Changes
) -> None:
    """No error, and no waiting for ever."""
    pid = start("")
    await changes.until(lambda: is_gone(pid))
    reaper.watch(pid)

    assert reaper.watch(pid).status == WaitStatus()


async def test_an_orphan_is_adopted_and_watched(reaper: Reaper) -> None:
    """As the template's children are: forked by another, and ours by re-parenting."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    middle = reaper.watch(
        start(
            "import os, signal\n"
            "pid = os.fork()\n"
            "if pid == 0: signal.pause()\n"
            f"os.write({writing}, str(pid).encode())\n"
        )
    )
    await end_of(middle)
    orphan = reaper.watch(int(os.read(reading, 20)))

    orphan.signal(signal.SIGKILL)

    assert await end_of(orphan) == WaitStatus(signal=signal.SIGKILL)
    os.close(reading)
    os.close(writing)


async def test_an_orphan_that_nobody_watches_leaves_no_zombie(
    reaper: Reaper, changes: Changes
) -> None:
    """A job may start programs that outlive it."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    code = f"import os\nif os.fork() == 0: os.write({writing}, str(os.getpid()).encode())\n"

    await end_of(reaper.watch(start(code)))

    pid = int(os.read(reading, 20))
    await changes.until(lambda: is_gone(pid))
    os.close(reading)
    os.close(writing)


async def test_what_is_called_at_the_end_is_called_once(reaper: Reaper) -> None:
    """Also when it is asked for after the end."""
    process, calls = reaper.watch(start("")), []
    process.on_exit(lambda: calls.append("before"))
    await end_of(process)

    process.on_exit(lambda: calls.append("after"))

    assert calls == ["before", "after"]


async def test_a_signal_to_a_dead_process_is_nothing(reaper: Reaper) -> None:
    """It may have died this moment."""
    process = reaper.watch(start(""))
    await end_of(process)

    process.signal(signal.SIGKILL)

    assert process.status == WaitStatus(code=0)


async def test_a_death_leaves_no_descriptor(reaper: Reaper) -> None:
    """A daemon sees very many."""
    await end_of(reaper.watch(start("")))
    before = open_descriptors()

    ends = [await end_of(reaper.watch(start(""))) for _ in range(5)]

    assert ends == [WaitStatus(code=0)] * 5
    assert open_descriptors() == before
