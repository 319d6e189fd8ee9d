"""Real processes below a supervisor, by the same specs as tasks."""

from __future__ import annotations

import asyncio
import signal
import sys

from agentd.supervision.exits import NORMAL, Exit
from agentd.supervision.spec import BackoffSettings, ChildSpec, Running, SupervisorSpec
from agentd.supervision.supervisor import Supervisor

DEADLINE = 20.0
"""Seconds within which a test's process starts or ends."""

SLEEP = "print('ready', flush=True); import time; time.sleep(60)"
IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


class RunningProcess:
    """The smallest adapter: asked with SIGTERM, forced with SIGKILL."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait(self) -> Exit:
        code = await self._process.wait()
        return NORMAL if code in (0, -signal.SIGTERM) else Exit.failed(f"exit status {code}")

    def ask_stop(self, reason: str) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


class Python:
    """Starts an interpreter on a piece of code, which prints a line when it is ready."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()

    async def start(self) -> Running:
        """Returns at the first line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", self._code, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        await process.stdout.readline()
        self.started.put_nowait(process)
        return RunningProcess(process)

    async def next(self) -> asyncio.subprocess.Process:
        """The next process that was started."""
        async with asyncio.timeout(DEADLINE):
            return await self.started.get()


def supervise(python: Python, *, shutdown: float) -> Supervisor:
    """A supervisor of one process."""
    child = ChildSpec(
        id="python",
        start=python.start,
        shutdown=shutdown,
        backoff=BackoffSettings(base=0.01, cap=0.1),
    )
    return Supervisor(SupervisorSpec(name="sup", children=(child,)))


async def test_a_killed_process_is_started_again() -> None:
    """And the last one is gone when the block is left."""
    python = Python(SLEEP)
    async with supervise(python, shutdown=5.0) as supervisor:
        first = await python.next()

        first.kill()
        second = await python.next()

        assert (first.returncode, second.returncode) == (-signal.SIGKILL, None)
        assert supervisor.view().children[0].last_error == "exit status -9"
    assert second.returncode == -signal.SIGTERM


async def test_a_process_that_ignores_its_stop_is_killed() -> None:
    """At its deadline."""
    python = Python(IGNORES_TERM)
    async with supervise(python, shutdown=0.2):
        process = await python.next()

    assert process.returncode == -signal.SIGKILL
