"""The end of a job: steps that can't cost each other their run.

Each step has a time budget of its own. One that raises is logged; one that overruns is
logged, cancelled, and left behind if it does not heed that, since the process ends with
the job anyway.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.app.usererror import error_fields
from agentd.tracing import span

logger = logging.getLogger("agentd.job")

CANCEL_GRACE = 1.0
"""Seconds that a cancelled step gets to clean up before it is left behind."""

SessionCloser = Callable[[], Awaitable[object]]
ShutdownCallback = Callable[..., Awaitable[object]]


class AtEnd:
    """What the user's code and the session want done when the job ends."""

    def __init__(self) -> None:
        self.closers: list[SessionCloser] = []
        """Close sessions that the job has started."""
        self.callbacks: list[ShutdownCallback] = []
        """The user's shutdown callbacks, in the order they were added."""


class Steps:
    """Runs the steps of one job's end."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._tasks = TaskOwner(f"end of {job_id}")

    async def run(self, name: str, step: Callable[[], Any], *, budget: float) -> bool:
        """Run one step within so many seconds; says whether it went well. Never raises."""
        task = self._tasks.start(self._guard(name, step), name=name)
        done = await finish(task, budget)
        if not done:
            logger.warning(
                "a step of the job's end overran its time; going on without it",
                extra={
                    "action": "end_step_timeout",
                    "job_id": self._job_id,
                    "step": name,
                    "budget": budget,
                },
            )
        return done and not task.cancelled() and task.result()

    async def run_all(self, name: str, steps: list[Callable[[], Any]], *, budget: float) -> None:
        """Run steps side by side, each within the same budget."""
        await asyncio.gather(
            *(self.run(f"{name} {_name(step)}", step, budget=budget) for step in steps)
        )

    async def _guard(self, name: str, step: Callable[[], Any]) -> bool:
        try:
            result = step()
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # the step awaited something of its own that was cancelled
            self._report(name, error)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code
            self._report(name, error)
            return False
        return True

    def _report(self, name: str, error: BaseException) -> None:
        logger.error(
            "a step of the job's end failed; going on with the next",
            extra={
                "action": "end_step_failed",
                "job_id": self._job_id,
                "step": name,
                **error_fields(error),
            },
        )


async def finish(task: asyncio.Task[Any], budget: float) -> bool:
    """Wait for a task, cancel it when the budget is spent; says whether it ended by itself.

    A task that does not heed the cancelling is left running after CANCEL_GRACE.
    """
    done, _ = await asyncio.wait({task}, timeout=budget)
    if done:
        return True
    task.cancel()
    await asyncio.wait({task}, timeout=CANCEL_GRACE)
    return False


def with_reason(callback: ShutdownCallback, reason: str) -> Callable[[], Awaitable[object]]:
    """The callback without arguments; it is given the reason if it takes one."""

    def call() -> Awaitable[object]:
        return callback(reason) if _takes_argument(callback) else callback()

    call.__qualname__ = _name(callback)
    return call


def traced(callback: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """The callback, in a span of its own."""

    async def call() -> object:
        with span("shutdown_callback", {"lk.callback.name": _name(callback)}):
            return await callback()

    call.__qualname__ = _name(callback)
    return call


def _takes_argument(callback: ShutdownCallback) -> bool:
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):  # some callables of C have no signature
        return False
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(parameter.kind in positional for parameter in parameters)


def _name(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
