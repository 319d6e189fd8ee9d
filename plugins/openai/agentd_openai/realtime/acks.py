"""What the service has been asked to do, and has not said that it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from agentd.errors import APIError

CONFIGURED = "session"
"""The key of a change of the session's settings."""


def created(item_id: str) -> str:
    """The key of an item that is put in."""
    return f"created {item_id}"


def deleted(item_id: str) -> str:
    """The key of one that is taken out."""
    return f"deleted {item_id}"


class Acks:
    """Futures by what they wait for. All of them are done at the latest when the session ends."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[str, asyncio.Future[None]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def expect(self, key: str, event_id: str) -> asyncio.Future[None]:
        """Something was asked, by an event."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._waiting.setdefault(key, []).append((event_id, future))
        return future

    def done(self, key: str) -> None:
        """The service says that it is so; of several requests, the first."""
        waiting = self._waiting.get(key)
        if waiting:
            _, future = waiting.pop(0)
            if not waiting:
                del self._waiting[key]
            if not future.done():
                future.set_result(None)

    def failed(self, event_id: str, error: APIError) -> bool:
        """The service refuses an event; says whether it was one of these."""
        for key, waiting in list(self._waiting.items()):
            for entry in waiting:
                if entry[0] == event_id:
                    self._waiting[key] = [one for one in waiting if one is not entry]
                    if not self._waiting[key]:
                        del self._waiting[key]
                    if not entry[1].done():
                        entry[1].set_exception(error)
                    return True
        return False

    def all_done(self) -> None:
        """Another connection was told how things are."""
        for future in self._take_all():
            future.set_result(None)

    def given_up(self, error: APIError) -> None:
        """There will be no other connection."""
        for future in self._take_all():
            future.set_exception(error)

    def _take_all(self) -> Iterable[asyncio.Future[None]]:
        waiting, self._waiting = self._waiting, {}
        return [
            future for entries in waiting.values() for _, future in entries if not future.done()
        ]


def _seen(future: asyncio.Future[None]) -> None:
    """Who waited may have gone, and a failure is told to nobody else."""
    if not future.cancelled():
        future.exception()
