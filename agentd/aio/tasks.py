"""Tasks that have an owner and never end silently.

`TaskOwner` is for things that live as long as the object that starts them and come
and go meanwhile (one task an offer, one a child). Where all tasks of a block start
and end together, `asyncio.TaskGroup` is used as it is. The difference matters: in a
`TaskGroup` one failure ends the siblings; in a `TaskOwner` one failure is reported and
costs nobody else anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

logger = logging.getLogger("agentd.tasks")

T = TypeVar("T")


class TaskOwner:
    """Starts named tasks, reports their failures at once, and ends them all on close."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def start(
        self, coro: Coroutine[Any, Any, T], *, name: str, report: bool = True
    ) -> asyncio.Task[T]:
        """Start a task; its failure is logged the moment it happens.

        `report=False` is for a task whose result the caller awaits, and so hears of itself.
        """
        if self._closing:
            coro.close()
            raise RuntimeError(f"{self._name} is closing: {name} was not started")
        task = asyncio.get_running_loop().create_task(coro, name=f"{self._name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if report:
            task.add_done_callback(_report)
        return task

    async def wait(self) -> None:
        """Wait until no task is left, also those started meanwhile."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def cancel(self) -> None:
        """Cancel what runs now and wait for it; others may be started after that."""
        current = asyncio.current_task()
        tasks = {task for task in self._tasks if task is not current}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it; nothing is started any more. May be repeated."""
        self._closing = True
        await self.cancel()

    async def __aenter__(self) -> TaskOwner:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, however they end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _report(task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        logger.error(
            "task failed",
            exc_info=error,
            extra={"action": "task_failed", "task": task.get_name()},
        )
