"""A session as a room sees it, that only writes down what is asked of it."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from agentd.aio.emitter import EventEmitter
from agentd.io.attached import AgentInput, AgentOutput

DEADLINE = 10.0


class State(Struct, frozen=True, kw_only=True):
    old_state: str
    new_state: str


class Transcribed(Struct, frozen=True, kw_only=True):
    transcript: str
    is_final: bool
    language: str | None = None
    speaker_id: str | None = None


class WritingSession(EventEmitter):
    """Writes down what happens; `until` waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.input = AgentInput()
        self.output = AgentOutput()
        self.agent_state = "initializing"
        self.told: list[tuple[str, object]] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def take_text(self, text: str) -> asyncio.Future[None]:
        self._note("text", text)
        return _done()

    def interrupt(self, *, force: bool = False) -> asyncio.Future[None]:
        self._note("interrupt", force)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def audience_present(self, present: bool) -> None:
        self._note("audience", present)

    def key_pressed(self, digit: str, code: int, identity: str) -> None:
        self._note("key", (digit, code, identity))

    def participant_left(self, identity: str, reason: str) -> None:
        self._note("left", (identity, reason))

    def room_lost(self) -> None:
        self._note("room lost", None)

    def audio_lost(self, reason: str) -> None:
        self._note("audio lost", reason)

    def video_lost(self, reason: str) -> None:
        self._note("video lost", reason)

    async def until(self, *wanted: tuple[str, object]) -> None:
        """Wait until all of these were noted."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: all(each in self.told for each in wanted))

    def _note(self, what: str, value: object) -> None:
        self.told.append((what, value))
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _done() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
