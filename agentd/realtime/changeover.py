"""Which of several models is at work: another when one fails, the preferred one when it is well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, within
from agentd.errors import APIConnectionError, APIError, APITimeoutError
from agentd.resilience import Standby
from agentd.supervision.intensity import Intensity, add_restart

from .base import RealtimeModel
from .briefing import Briefing
from .events import RealtimeEvent
from .line import Line

CHANGES_PERIOD = 30.0
"""Seconds within which each model may fail twice, not more: they are all of no use then."""


class Watcher(Protocol):
    """Who is told of the lines."""

    def is_quiet(self) -> bool:
        """Whether nobody speaks and nobody is owed an answer: the model may be changed."""

    def takes_over(self, line: Line) -> None:
        """This one is at work from now on."""

    def has_told(self, line: Line, event: RealtimeEvent) -> None:
        """An event of any line."""

    def measured(self, metrics: object) -> None: ...


class Changeover:
    """Has one model at work; `run` is its work. `bell` is rung at each change, here and outside."""

    def __init__(
        self,
        models: Sequence[RealtimeModel],
        standby: Standby,
        briefing: Briefing,
        watcher: Watcher,
        *,
        attempt_timeout: float,
    ) -> None:
        self.line: Line | None = None
        """The one at work; None while there is none."""
        self.failure: APIError | None = None
        """Why there is none, and will be none."""
        self.bell = Bell()
        self._models = tuple(models)
        self._standby = standby
        self._briefing = briefing
        self._watcher = watcher
        self._attempt_timeout = attempt_timeout
        self._intensity = Intensity(restarts=2 * len(models), period=CHANGES_PERIOD)
        self._changes: tuple[float, ...] = ()
        self._owner = TaskOwner("realtime changeover")

    async def run(self) -> None:
        """Until cancelled; raises APIError when no model is left."""
        try:
            line = await self._open_one()
            while True:
                self._use(line)
                line = await self._next_after(line)
        except APIError as error:
            self.failure = error
            self.bell.ring()
            raise

    async def usable(self) -> Line:
        """The line at work; waits while one is being opened. Raises what all have failed of."""
        deadline = now() + self._attempt_timeout * len(self._models)
        try:
            await within(deadline, self.bell.until(lambda: self._is_usable() or self._is_over()))
        except TimeoutError as error:
            raise APITimeoutError("no realtime model was ready in time") from error
        if self.line is None or self.line.failure is not None:
            raise self.failure or APIConnectionError("the realtime session is closed")
        return self.line

    async def aclose(self) -> None:
        """End what is open. May be repeated."""
        await self._owner.aclose()
        line, self.line = self.line, None
        if line is not None:
            await line.aclose()
        self.failure = self.failure or APIConnectionError("the realtime session is closed")
        self.bell.ring()

    def _is_usable(self) -> bool:
        return self.line is not None and self.line.failure is None

    def _is_over(self) -> bool:
        return self.failure is not None

    def _use(self, line: Line) -> None:
        self.line = line
        self._watcher.takes_over(line)
        self.bell.ring()

    async def _next_after(self, line: Line) -> Line:
        """Another line, open: when this one has failed, or a preferred one is well in a pause."""
        over = self._owner.start(line.over(), name="over", report=False)
        try:
            while not over.done():
                preferred = self._owner.start(self._preferred_to(line), name="look", report=False)
                await _first_of(over, preferred)
                if not over.done() and (found := preferred.result()) is not None:
                    return found
        finally:
            await cancel_and_wait(over)
            self.line = None
            await line.aclose()
        assert line.failure is not None
        self._standby.failed(line.number, line.failure)
        self._changes, go_on = add_restart(self._changes, now(), self._intensity)
        if not go_on:
            failing = APIConnectionError("realtime models fail again and again")
            raise self._standby.mark(failing) from line.failure
        return await self._open_one()

    async def _preferred_to(self, line: Line) -> Line | None:
        """A preferred model, open, once it is well and nobody speaks; None if that is over then."""
        await self.bell.until(
            lambda: self._well_before(line) is not None and self._watcher.is_quiet()
        )
        number = self._well_before(line)
        assert number is not None
        try:
            opened = await self._open(number)
        except APIError as error:
            self._standby.failed(number, error)
            return None
        if self._watcher.is_quiet():
            return opened
        await opened.aclose()  # somebody speaks again, and it does not know what is said
        return None

    def _well_before(self, line: Line) -> int | None:
        return next((n for n in range(line.number) if self._standby.available[n]), None)

    async def _open_one(self) -> Line:
        """The first that can be opened; raises APIConnectionError for none."""
        tried: set[int] = set()
        last: APIError | None = None
        while (number := self._standby.choose(tried)) is not None:
            tried.add(number)
            try:
                return await self._open(number)
            except APIError as error:
                self._standby.failed(number, error)
                last = error
        names = ", ".join(each.label for each in self._models)
        nobody = APIConnectionError(f"no realtime model answers: {names}")
        raise self._standby.mark(nobody) from last

    async def _open(self, number: int) -> Line:
        line = Line(self._models[number], number, self._watcher.has_told)
        line.session.on("metrics_collected", self._watcher.measured)
        try:
            await line.open(self._briefing, timeout=self._attempt_timeout)
        except BaseException:
            await line.aclose()
            raise
        self._standby.worked(number)
        return line


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Wait for one of two tasks, and cancel the second if it is not that one."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not tasks[1].done():
            await cancel_and_wait(tasks[1])
