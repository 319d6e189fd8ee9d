"""One model's session among several that may be asked: until it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, within
from agentd.errors import APIConnectionError, APIError, APITimeoutError, ModelError

from .base import RealtimeModel
from .briefing import Briefing
from .events import RealtimeError, RealtimeEvent

T = TypeVar("T")

STREAM_END_TIMEOUT = 0.5
"""Seconds for the streams of a session that has failed to give out what they have."""


class Line:
    """Reads a session's events once it is opened; `failure` is set when it has failed."""

    def __init__(
        self, model: RealtimeModel, number: int, on_event: Callable[[Line, RealtimeEvent], None]
    ) -> None:
        self.number = number
        self.session = model.session()
        self.failure: APIError | None = None
        self._over = asyncio.Event()
        self._on_event = on_event
        self._owner = TaskOwner(f"realtime-{number}")
        self._asks = TaskOwner(f"realtime-{number}-asks")  # each is waited for by who starts it

    async def open(self, briefing: Briefing, *, timeout: float) -> None:
        """Connect, and tell the model what it has to know; raises APIError."""
        self._owner.start(self._read(), name="events")
        try:
            await within(now() + timeout, self.unless_over(briefing.give(self.session)))
        except TimeoutError as error:
            label = self.session.model.label
            raise APITimeoutError(f"{label} was not ready in {timeout} s") from error

    async def over(self) -> None:
        """Wait until it has failed."""
        await self._over.wait()

    def fail(self, error: Exception) -> None:
        """It is of no use any more."""
        if self.failure is None:
            wrong = f"{type(error).__name__}: {error}"
            self.failure = error if isinstance(error, APIError) else APIError(wrong)
            self._over.set()

    async def unless_over(self, asked: Awaitable[T]) -> T:
        """Await something that is asked of the session; raises what the session fails of."""
        task = self._asks.start(_result_of(asked), name="asked", report=False)
        over = self._asks.start(self.over(), name="over", report=False)
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self.failure or APIConnectionError
        finally:
            await cancel_and_wait(task, over)

    async def while_well(self, stream: AsyncIterator[T]) -> AsyncGenerator[T]:
        """What a stream gives. One that breaks off with the session just ends."""
        items = aiter(stream)
        while True:
            task = self._asks.start(_result_of(anext(items, END)), name="next", report=False)
            over = self._asks.start(self.over(), name="over", report=False)
            try:
                await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    await asyncio.wait({task}, timeout=STREAM_END_TIMEOUT)
                if not task.done():
                    return
                item = task.result()
            except ModelError as error:
                self.fail(error)
                return
            finally:
                await cancel_and_wait(task, over)
            if isinstance(item, _End):
                return
            yield item

    async def aclose(self) -> None:
        """End the session. May be repeated."""
        await self._owner.aclose()
        await self.session.aclose()

    async def _read(self) -> None:
        try:
            async for event in self.session:
                if isinstance(event, RealtimeError) and not event.recoverable:
                    raise event.error
                self._on_event(self, event)
        # Whatever a session fails of, the next model is asked: the error is told by who does that.
        except Exception as error:  # noqa: BLE001
            self.fail(error)
        else:
            self.fail(APIConnectionError(f"{self.session.model.label} has ended the session"))


async def _result_of(asked: Awaitable[T]) -> T:
    return await asked


class _End:
    """What a stream has after its last item."""


END = _End()
