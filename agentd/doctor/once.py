"""A fact that several checks want and that is found out once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from agentd.aio.tasks import TaskOwner

T = TypeVar("T")


class Once(Generic[T]):
    """Found out when first asked for. A check whose deadline passes does not stop it for others."""

    def __init__(
        self, find: Callable[[], Coroutine[Any, Any, T]], tasks: TaskOwner, name: str
    ) -> None:
        self._find = find
        self._tasks = tasks
        self._name = name
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The fact; raises what finding it out raised, to each who asks."""
        if self._task is None:
            self._task = self._tasks.start(self._find(), name=self._name, report=False)
            self._task.add_done_callback(_seen)
        return await asyncio.shield(self._task)


def _seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # asked, so that asyncio does not complain if nobody waits any more
