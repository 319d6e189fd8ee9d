"""What is to be sent, in order, and no more of it than can be sent in time."""

from __future__ import annotations

from collections import deque

from agentd.aio.bell import Bell
from agentd.errors import APIConnectionError

from .hearing import seconds_of
from .wire import ClientEvent, append

MAX_AUDIO = 5.0
"""Seconds of audio that wait; of more, the oldest are dropped: what is late is of no use."""
MAX_EVENTS = 2048
"""That wait beside it; more means that nothing is sent any more."""


class Outbox:
    """Events for one connection after another. One task takes them out."""

    def __init__(self) -> None:
        self.dropped_seconds = 0.0
        self._waiting: deque[ClientEvent | bytes] = deque()
        self._audio_seconds = 0.0
        self._bell = Bell()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_events(self) -> bool:
        """Whether anything but audio waits."""
        return any(not isinstance(event, bytes) for event in self._waiting)

    def put(self, event: ClientEvent) -> None:
        """Send an event. Raises APIConnectionError where far too many wait."""
        if len(self._waiting) >= MAX_EVENTS:
            raise APIConnectionError(f"{MAX_EVENTS} events wait to be sent: nothing goes out")
        self._waiting.append(event)
        self._bell.ring()

    def put_audio(self, chunk: bytes, *, limited: bool = True) -> None:
        """Send audio; what another connection is to hear again is not `limited`."""
        self._waiting.append(chunk)
        self._audio_seconds += seconds_of(chunk)
        while limited and self._audio_seconds > MAX_AUDIO:
            self._drop_oldest()
        self._bell.ring()

    async def take(self) -> ClientEvent:
        """The next event, when there is one."""
        await self._bell.until(lambda: bool(self._waiting))
        event = self._waiting.popleft()
        if isinstance(event, bytes):
            self._audio_seconds -= seconds_of(event)
            return append(event)
        return event

    def clear(self) -> None:
        """The connection that it was for is gone."""
        self._waiting.clear()
        self._audio_seconds = 0.0

    def _drop_oldest(self) -> None:
        for event in self._waiting:
            if isinstance(event, bytes):
                self._waiting.remove(event)
                self._audio_seconds -= seconds_of(event)
                self.dropped_seconds += seconds_of(event)
                return
