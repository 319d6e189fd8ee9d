"""The audio that waits for a model: bounded in seconds, and it outlives an attempt that fails."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from agentd.audio.frame import AudioFrame


class Flush:
    """In the audio that a model gets: finalise what came before it."""


FLUSH = Flush()

Item = AudioFrame | Flush

WAITING_SECONDS = 60.0
"""Audio that may wait for a model. An application that has a whole recording pushes it at once;
a model that is further behind a live caller than this is of no use to him."""

REPLAY_SECONDS = 15.0
"""Audio that a model has taken and not yet understood, kept for the next attempt: about the
longest that somebody speaks before a final transcript comes."""


class AudioQueue:
    """Audio on its way to one reader at a time; `on_taken` is called when that took something."""

    def __init__(
        self,
        on_taken: Callable[[], None],
        *,
        waiting_seconds: float = WAITING_SECONDS,
        replay_seconds: float = REPLAY_SECONDS,
    ) -> None:
        self._on_taken = on_taken
        self._limit = waiting_seconds
        self._items: deque[Item] = deque()
        self._replay = Replay(replay_seconds)
        self._reader: AudioReader | None = None
        self.waiting = 0.0
        """Seconds of audio that nobody has taken."""
        self.pushed = 0.0
        """Seconds of audio that were ever put in."""
        self.dropped = 0.0
        """Seconds of it that were dropped, since nobody took them in time."""
        self.taken = 0.0
        """Seconds of audio that were ever taken; what was put back counts each time."""
        self.ended = False
        """Whether no more audio comes."""

    @property
    def position(self) -> float:
        """Where in the audio the next item is, in seconds since the first."""
        return self.pushed - self.waiting

    @property
    def owing(self) -> bool:
        """Whether there is something to do for the reader, and it does not wait for it."""
        waits = self._reader is not None and self._reader.waits
        return not waits and (bool(self._items) or self.ended)

    def put(self, item: Item) -> float:
        """Add something; says how many seconds of older audio that has cost."""
        if isinstance(item, AudioFrame):
            if not item.data:
                return 0.0
            self.waiting += item.duration
            self.pushed += item.duration
        elif self._items and isinstance(self._items[-1], Flush):
            return 0.0
        self._items.append(item)
        lost = self._drop_oldest()
        self._tell_reader()
        return lost

    def end(self) -> None:
        """No more audio comes. May be repeated."""
        self.ended = True
        self._tell_reader()

    def read(self) -> AudioReader:
        """A new reader; the one before it, if any, is at its end."""
        if self._reader is not None:
            self._reader.stop()
        self._reader = AudioReader(self)
        return self._reader

    def take(self) -> Item | None:
        """The oldest item, if there is one. For the reader."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._replay.add(item)
        if isinstance(item, AudioFrame):
            self.waiting -= item.duration
            self.taken += item.duration
        if not self._items:
            self.waiting = 0.0  # floats do not add up to exactly nothing
        self._on_taken()
        return item

    def forget(self) -> None:
        """What was taken so far is understood: no later attempt needs it."""
        self._replay.clear()

    def rewind(self) -> None:
        """Put back what was taken and not understood, for the next attempt."""
        self._items.extendleft(reversed(self._replay.items()))
        self.waiting += self._replay.seconds
        self._replay.clear()

    def _tell_reader(self) -> None:
        if self._reader is not None:
            self._reader.wake()

    def _drop_oldest(self) -> float:
        lost = 0.0
        flushes: list[Item] = []
        while self.waiting - lost > self._limit:
            item = self._items.popleft()
            if isinstance(item, Flush):
                flushes.append(item)  # it is about audio that was taken already
            else:
                lost += item.duration
        self._items.extendleft(flushes)
        self.waiting -= lost
        self.dropped += lost
        return lost


class AudioReader:
    """One attempt's view of the queue: an async iterator that ends with audio or attempt."""

    def __init__(self, queue: AudioQueue) -> None:
        self._queue = queue
        self._waiter: asyncio.Future[None] | None = None
        self._stopped = False
        self.reached_end = False
        """Whether all of the audio was taken, to its end."""

    @property
    def waits(self) -> bool:
        """Whether it waits for the next audio, or is about to take it."""
        return self._waiter is not None

    def stop(self) -> None:
        """Let the iterator end: whoever still reads gets no more."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """There may be something to take."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> AudioReader:
        return self

    async def __anext__(self) -> Item:
        while not self._stopped:
            item = self._queue.take()
            if item is not None:
                return item
            if self._queue.ended:
                self.reached_end = True
                break
            await self._wait()
        raise StopAsyncIteration

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Replay:
    """The last that was taken, bounded in seconds."""

    def __init__(self, limit: float = REPLAY_SECONDS) -> None:
        self._limit = limit
        self._items: deque[Item] = deque()
        self.seconds = 0.0
        """Of audio in it."""

    def add(self, item: Item) -> None:
        """Keep it; what becomes too old is forgotten."""
        if isinstance(item, AudioFrame):
            self.seconds += item.duration
        elif self._items and isinstance(self._items[-1], Flush):
            return
        self._items.append(item)
        while self.seconds > self._limit:
            oldest = self._items.popleft()
            if isinstance(oldest, AudioFrame):
                self.seconds -= oldest.duration

    def items(self) -> list[Item]:
        """What is kept, the oldest first."""
        return list(self._items)

    def clear(self) -> None:
        """Forget it."""
        self._items.clear()
        self.seconds = 0.0
