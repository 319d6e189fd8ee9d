"""Calls that come in quick succession, made once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from agentd.aio.tasks import TaskOwner

T = TypeVar("T")


class Debounced(Generic[T]):
    """Calls `func` when nobody has asked for it for `delay` seconds."""

    def __init__(self, func: Callable[[], Coroutine[Any, Any, T]], delay: float) -> None:
        self._func = func
        self._delay = delay
        self._task: asyncio.Task[T] | None = None
        self._tasks = TaskOwner("debounced")

    def schedule(self) -> asyncio.Task[T]:
        """Call it after the delay; what was asked for before is dropped."""
        return self._start(self._delay)

    def run(self) -> asyncio.Task[T]:
        """Call it now; what was asked for before is dropped."""
        return self._start(0.0)

    def cancel(self) -> None:
        """Drop what was asked for, and what runs."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def is_running(self) -> bool:
        """Whether a call is under way or waits."""
        return self._task is not None and not self._task.done()

    def __call__(self) -> asyncio.Task[T]:
        return self.run()

    def _start(self, delay: float) -> asyncio.Task[T]:
        self.cancel()
        self._task = self._tasks.start(self._call(delay), name="call", report=False)
        return self._task

    async def _call(self, delay: float) -> T:
        if delay > 0:
            await asyncio.sleep(delay)
        return await self._func()


def debounced(
    delay: float,
) -> Callable[[Callable[[], Coroutine[Any, Any, T]]], Debounced[T]]:
    """Make a coroutine function a Debounced one."""

    def decorate(func: Callable[[], Coroutine[Any, Any, T]]) -> Debounced[T]:
        return Debounced(func, delay)

    return decorate
