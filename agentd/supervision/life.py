"""One life of one child: from its start until it is seen dead.

Stopping goes as in OTP's `shutdown/1`: ask, wait, force, and still wait. A start is stopped in
the same way, its cancellation being both the asking and the forcing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.errors import NotStarted

from .budget import grace, kill_wait
from .exits import SHUTDOWN, Exit
from .spec import ChildSpec, Running

logger = logging.getLogger("agentd.supervision")

T = TypeVar("T")


class Ready(Struct, frozen=True):
    """The child has been started."""


class StartFailed(Struct, frozen=True):
    """The child was not started, and nothing is left of it."""

    error: BaseException


class Exited(Struct, frozen=True):
    """The child that had been started has ended."""

    exit: Exit


LifeEvent = Ready | StartFailed | Exited


class Heed(Enum):
    """How something ended that was to be stopped."""

    IN_TIME = "in time"
    FORCED = "forced"
    """By order: it was not asked, or its time was cut short."""
    OVERDUE = "overdue"
    """It was asked, and had to be forced."""


class Life:
    """Starts a child, watches it, stops it when asked, and tells what becomes of it."""

    def __init__(
        self, spec: ChildSpec, owner: TaskOwner, tell: Callable[[LifeEvent], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._spec = spec
        self._owner = owner
        self._tell = tell
        self._asked: asyncio.Future[str] = loop.create_future()
        self._killed: asyncio.Future[None] = loop.create_future()

    def stop(self, reason: str) -> None:
        """Have it end; `run` sees to it."""
        if not self._asked.done():
            self._asked.set_result(reason)

    def kill(self) -> None:
        """Have it end by force, also when it has been asked already."""
        self.stop("killed")
        if not self._killed.done():
            self._killed.set_result(None)

    async def run(self) -> None:
        """Live. The last event is told when the child is seen dead, or given up as stuck."""
        outcome = await self._start()
        if isinstance(outcome, BaseException):
            self._tell(StartFailed(outcome))
            return
        self._tell(Ready())
        self._tell(Exited(await self._watch(outcome)))

    # -- starting --------------------------------------------------------------------

    async def _start(self) -> Running | BaseException:
        starting = self._owner.start(
            self._call_start(), name=f"start-{self._spec.id}", report=False
        )
        timeout = self._spec.start_timeout
        await self._first(starting, self._asked, timeout=timeout)
        if starting.done():
            return _result(starting)
        why = "it was stopped meanwhile"
        if not self._asked.done():
            why = f"it was not ready within {timeout:g} s"
        await self._take_down(starting, starting.cancel, starting.cancel)
        await self._clear_up(starting, why)
        return NotStarted(why)

    async def _call_start(self) -> Running:
        return await self._spec.start()

    async def _clear_up(self, starting: asyncio.Task[Running], why: str) -> None:
        """End what a start has brought about although it was cancelled, now or ever."""
        if not starting.done():
            self._tell_stuck("its start does not heed cancellation")
            starting.add_done_callback(_kill_late)
            return
        outcome = _result(starting)
        if not isinstance(outcome, BaseException):
            self.stop(why)
            await self._watch(outcome)

    # -- running ---------------------------------------------------------------------

    async def _watch(self, running: Running) -> Exit:
        ended = self._owner.start(running.wait(), name=f"watch-{self._spec.id}", report=False)
        await self._first(ended, self._asked)
        heed = Heed.IN_TIME
        if not ended.done():
            ask = partial(running.ask_stop, self._asked.result())
            heed = await self._take_down(ended, ask, running.kill)
        if not ended.done():
            ended.cancel()
            text = f"it did not end within {kill_wait(self._spec):g} s of being killed"
            self._tell_stuck(text)
            return Exit.failed(text)
        if heed is Heed.FORCED:
            return SHUTDOWN  # whatever a killed process says of its end, it is what was ordered
        if heed is Heed.OVERDUE:
            return Exit.failed(f"killed: it did not end within {grace(self._spec):g} s when asked")
        exit = _result(ended)
        return Exit.failed(exit) if isinstance(exit, BaseException) else exit

    # -- stopping --------------------------------------------------------------------

    async def _take_down(
        self, ended: asyncio.Task[Any], ask: Callable[[], object], force: Callable[[], object]
    ) -> Heed:
        """Ask, wait, force, and still wait."""
        patience = grace(self._spec)
        if patience is not None and not self._killed.done():
            self._attempt(ask)
            await self._first(ended, self._killed, timeout=patience)
            if ended.done():
                return Heed.IN_TIME
        self._attempt(force)
        await self._first(ended, timeout=kill_wait(self._spec))
        forced = patience is None or self._killed.done()
        return Heed.FORCED if forced else Heed.OVERDUE

    async def _first(self, *futures: asyncio.Future[Any], timeout: float | None = None) -> None:
        await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)

    def _attempt(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # whoever adapts a child may raise; the next step must still come
            logger.exception("child could not be asked to end", extra=self._facts("stop_failed"))

    def _tell_stuck(self, reason: str) -> None:
        logger.error("child is given up", extra=self._facts("child_stuck") | {"reason": reason})

    def _facts(self, action: str) -> dict[str, object]:
        return {"action": action, "offender": self._spec.id}


def _result(task: asyncio.Task[T]) -> T | BaseException:
    """What a task that is done gave: its result or its error."""
    if task.cancelled():
        return asyncio.CancelledError("its task was cancelled")
    error = task.exception()
    return task.result() if error is None else error


def _kill_late(starting: asyncio.Task[Running]) -> None:
    outcome = _result(starting)
    if not isinstance(outcome, BaseException):
        outcome.kill()
