"""asyncio tasks as children.

A task is asked to end by being cancelled, which is what `exit(Pid, shutdown)` is to a process
that does not trap exits. It has no `kill`: forcing it is cancelling it once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.errors import NotStarted

from .exits import NORMAL, SHUTDOWN, Exit
from .spec import Running, Start

Run = Callable[[], Coroutine[Any, Any, object]]
RunWithReady = Callable[[Callable[[], None]], Coroutine[Any, Any, object]]


class RunningTask:
    """A task that is a child; a `Running`."""

    def __init__(self, coro: Coroutine[Any, Any, object], *, name: str) -> None:
        # Not the supervisor's owner: a task that is given up as stuck must hold up nobody.
        self.task = TaskOwner("child").start(coro, name=name, report=False)
        self._asked = False

    async def wait(self) -> Exit:
        """Wait until the task has ended; its result is of no concern."""
        await asyncio.wait({self.task})
        if self.task.cancelled():
            return SHUTDOWN if self._asked else Exit.failed("its task was cancelled by others")
        error = self.task.exception()
        return NORMAL if error is None else Exit.failed(error)

    def ask_stop(self, reason: str) -> None:
        """Cancel the task."""
        self._asked = True
        self.task.cancel(reason)

    def kill(self) -> None:
        """Cancel the task again."""
        self.ask_stop("killed")


def task_child(run: Run, *, name: str) -> Start:
    """The `start` of a child that is ready as soon as it exists."""

    async def start() -> Running:
        return RunningTask(run(), name=name)

    return start


def ready_task_child(run: RunWithReady, *, name: str) -> Start:
    """The `start` of a child that calls what it is given once it is ready."""

    async def start() -> Running:
        progress = asyncio.Event()  # it is ready, or has ended
        is_ready = asyncio.Event()

        def ready() -> None:
            is_ready.set()
            progress.set()

        child = RunningTask(run(ready), name=name)
        child.task.add_done_callback(lambda _: progress.set())
        await _see(progress, child.task)
        if not is_ready.is_set():
            exit = await child.wait()
            if isinstance(exit.error, BaseException):
                raise exit.error
            raise NotStarted("its task ended before it was ready")
        return child

    return start


async def _see(progress: asyncio.Event, task: asyncio.Task[object]) -> None:
    """Wait; when that is cancelled, cancel the task and wait until it has ended."""
    try:
        await progress.wait()
    except asyncio.CancelledError:
        task.cancel()
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
        raise
