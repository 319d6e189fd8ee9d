"""What became of one input: the result of `session.run`.

`RunResult` is the users' side, `Run` the session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, Generic, TypeVar, cast

from agentd.errors import SessionError
from agentd.llm.items import ChatItem

from .assertions import (
    AgentHandoffAssert,
    ChatMessageAssert,
    EventAssert,
    EventRangeAssert,
    FunctionCallAssert,
    FunctionCallOutputAssert,
    RunAssert,
)
from .mocking import mock_tools
from .run_events import (
    AgentHandoffEvent,
    ChatMessageEvent,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    RunEvent,
    event_of,
)
from .speech import SpeechHandle

__all__ = [
    "AgentHandoffAssert",
    "AgentHandoffEvent",
    "ChatMessageAssert",
    "ChatMessageEvent",
    "EventAssert",
    "EventRangeAssert",
    "FunctionCallAssert",
    "FunctionCallEvent",
    "FunctionCallOutputAssert",
    "FunctionCallOutputEvent",
    "Run",
    "RunAssert",
    "RunEvent",
    "RunResult",
    "mock_tools",
]
# Users of livekit-agents know all of these from here.

OutputT = TypeVar("OutputT")

_UNSET: Any = object()


class RunResult(Generic[OutputT]):
    """The events of a run. Awaiting it waits for the end, and raises what the run failed of."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._expect: RunAssert | None = None

    @property
    def events(self) -> list[RunEvent]:
        """What has happened so far, in order; a copy."""
        return list(self._run.events)

    @property
    def expect(self) -> RunAssert:
        """Questions about the events; each use goes on behind the last `next_event`.

        Raises SessionError before the run is over.
        """
        if not self._run.done:
            raise SessionError("the run is not over: await its result first")
        if self._expect is None:
            self._expect = RunAssert(self._run.events)
        return self._expect

    @property
    def final_output(self) -> OutputT:
        """What the run came to: the result of its AgentTask, or the reply as `output_type`.

        Raises SessionError where there is none.
        """
        if not self._run.done:
            raise SessionError("the run is not over: await its result first")
        if self._run.error is not None:
            raise self._run.error
        if self._run.output is _UNSET:
            raise SessionError("the run has no output: no AgentTask was completed in it")
        return cast("OutputT", self._run.output)

    def done(self) -> bool:
        """Whether it is over."""
        return self._run.done

    def __await__(self) -> Generator[Any, None, RunResult[OutputT]]:
        async def wait() -> RunResult[OutputT]:
            await self._run.wait()
            if self._run.error is not None:
                raise self._run.error
            return self

        return wait().__await__()


class Run:
    """A run while it lasts: over when nothing that it has set going is under way any more."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.output: Any = _UNSET
        self.error: BaseException | None = None
        self.result: RunResult[Any] = RunResult(self)
        self._pending = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._over.done()

    @property
    def has_output(self) -> bool:
        """Whether an AgentTask was completed in it."""
        return self.output is not _UNSET

    def record(self, event: RunEvent | ChatItem) -> None:
        """Something has happened; items that are no event are left out."""
        if self.done:
            return
        made = event if isinstance(event, RunEvent) else event_of(event)
        if made is not None:
            self.events.append(made)

    def watch(self, future: asyncio.Future[Any]) -> None:
        """It lasts as long as this, at least. Its failure is the run's."""
        self._begin()
        future.add_done_callback(self._future_done)

    def watch_speech(self, handle: SpeechHandle) -> None:
        """The same for a speech."""
        self._begin()
        handle.add_done_callback(self._speech_done)

    async def wait(self) -> None:
        """Wait for its end."""
        await asyncio.wait({self._over})

    def fail(self, error: BaseException) -> None:
        """It has gone wrong; the first error is the one that is told."""
        self.error = self.error or error

    def finish(self) -> None:
        """It is over, whatever is still under way. May be repeated."""
        if not self._over.done():
            self._over.set_result(None)

    def _begin(self) -> None:
        self._pending += 1

    def _future_done(self, future: asyncio.Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        self._end(error)

    def _speech_done(self, handle: SpeechHandle) -> None:
        self._end(handle.exception())

    def _end(self, error: BaseException | None) -> None:
        if error is not None:
            self.fail(error)
        self._pending -= 1
        # What follows from it, such as a handoff, is set going before the loop's next turn.
        asyncio.get_running_loop().call_soon(self._finish_if_idle)

    def _finish_if_idle(self) -> None:
        if not self._pending:
            self.finish()
