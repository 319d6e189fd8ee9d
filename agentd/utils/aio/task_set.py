"""Tasks that somebody holds on to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from agentd.aio.tasks import TaskOwner

T = TypeVar("T")


class TaskSet:
    """Keeps tasks from being collected while they run, and logs what they fail of."""

    def __init__(self) -> None:
        self._owner = TaskOwner("task set")
        self._tasks: set[asyncio.Task[Any]] = set()

    def create_task(self, coro: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """Start a task of the running loop."""
        task = self._owner.start(coro, name=name or "task")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those that run."""
        return self._tasks.copy()
