"""Who may speak: one speech at a time, by priority and then by time.

A speech takes the floor for each of its steps and gives it back between them: while its tools
work, others may be heard, a tool's own `session.say` above all. Turn-taking is told which speech
is in front; one that waits for its tools stays in front until another takes the floor.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from agentd.aio.timing import now
from agentd.voice.speech import Speech, SpeechHandle


class MouthListener(Protocol):
    """Turn-taking, as far as the mouth tells it."""

    def speech_scheduled(self, speech: Speech) -> None:
        """It is in front from now on; called before anything of it can be heard."""

    def speech_left(self, speech: Speech) -> None:
        """It is not in front any more: over, or another is heard while its tools work."""

    def floor_changed(self) -> None:
        """Somebody else has the floor, or nobody."""


class _Request:
    """A step of a speech that wants to be heard."""

    def __init__(self, speech: Speech, priority: int) -> None:
        self.speech = speech
        self.priority = priority
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.released = asyncio.Event()


class Mouth:
    """Grants the floor. `run` is its work; while that is being restarted nobody loses a place."""

    def __init__(self, listener: MouthListener, *, delay: Callable[[], float]) -> None:
        """`delay` tells the seconds between two speeches (`min_consecutive_speech_delay`)."""
        self._listener = listener
        self._delay = delay
        self._heap: list[tuple[int, int, _Request]] = []
        self._order = itertools.count()
        self._wanted = asyncio.Event()
        self._holder: _Request | None = None
        self._front: Speech | None = None
        self._parked: list[Speech] = []
        self._aside: set[str] = set()
        """Speeches whose tools talk to the user themselves: they are in front no more."""
        self._free_since: float | None = None
        self._last: Speech | None = None

    @property
    def current(self) -> Speech | None:
        """The speech in front: it has the floor, or its tools work and nobody else speaks."""
        return self._front

    @property
    def speaking(self) -> Speech | None:
        """The speech that has the floor."""
        return self._holder.speech if self._holder is not None else None

    def waiting(self) -> list[Speech]:
        """Those that want the floor, in the order in which they will have it."""
        requests = sorted(entry for entry in self._heap if not entry[2].released.is_set())
        return [request.speech for _, _, request in requests]

    @asynccontextmanager
    async def floor(
        self, speech: Speech, priority: int = SpeechHandle.SPEECH_PRIORITY_NORMAL
    ) -> AsyncIterator[bool]:
        """Have the floor for one step. Gives False where the speech was interrupted before."""
        request = _Request(speech, priority)
        self._aside.discard(speech.id)
        heapq.heappush(self._heap, (-priority, next(self._order), request))
        self._wanted.set()
        try:
            await speech.unless_interrupted(request.granted)
            yield request.granted.done() and not speech.interrupted
        finally:
            request.released.set()

    def set_aside(self, speech: Speech) -> None:
        """Its tool talks to the user itself: when it has given the floor back it is not in front
        until it wants the floor again."""
        self._aside.add(speech.id)
        self._parked = [parked for parked in self._parked if parked is not speech]
        if self._front is speech and self.speaking is not speech:
            self._leave(speech)

    def over(self, speech: Speech) -> None:
        """A speech has ended; the tools of one that was parked for it go on in front."""
        self._aside.discard(speech.id)
        self._parked = [parked for parked in self._parked if parked is not speech]
        if self._front is not speech:
            return
        self._leave(speech)
        if self._parked and self.speaking in (None, speech) and not self.waiting():
            self._enter(self._parked.pop())

    async def run(self) -> None:
        """Hand the floor to one after the other, until cancelled."""
        if self._holder is not None:  # of a former life
            await self._see_off(self._holder)
        while True:
            await self._wanted.wait()
            while self._heap:
                await self._keep_distance()
                _, _, request = heapq.heappop(self._heap)
                if not request.released.is_set() and not request.speech.interrupted:
                    await self._grant(request)
            self._wanted.clear()

    async def _keep_distance(self) -> None:
        follows = self._heap[0][2].speech
        if self._free_since is not None and follows is not self._last:
            await asyncio.sleep(self._free_since + self._delay() - now())

    async def _grant(self, request: _Request) -> None:
        speech = request.speech
        if self._front is not speech:
            if self._front is not None:
                self._parked.append(self._front)
                self._leave(self._front)
            self._enter(speech)
        self._holder = request
        self._listener.floor_changed()
        request.granted.set_result(None)
        await self._see_off(request)

    async def _see_off(self, request: _Request) -> None:
        # Has an end: a speech that is stuck is cancelled, and its floor released with it.
        await request.released.wait()
        self._holder = None
        self._last, self._free_since = request.speech, now()
        if request.speech.id in self._aside and self._front is request.speech:
            self._leave(request.speech)
        self._listener.floor_changed()

    def _enter(self, speech: Speech) -> None:
        self._parked = [parked for parked in self._parked if parked is not speech]
        self._front = speech
        self._listener.speech_scheduled(speech)

    def _leave(self, speech: Speech) -> None:
        self._front = None
        self._listener.speech_left(speech)
