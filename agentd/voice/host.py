"""What a session needs of the job that it runs in. The job is above and fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol

from .events import CloseReason


class SessionHost(Protocol):
    """A job, as far as a session knows it."""

    async def connect(self) -> None:
        """Join the room, if that has not been done."""

    def attach_closer(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have this awaited when the job ends, before the room is left."""

    def remember(self, make: Callable[[], bytes]) -> None:
        """The conversation has changed: ask for its snapshot soon, once for many changes, and keep
        it. `make` gives empty bytes where there is none."""

    @property
    def remembered(self) -> bytes:
        """The snapshot that an earlier process of the job has left; empty where there is none."""

    @property
    def remembered_at(self) -> float:
        """Wall time at which that was taken; 0 where it is not known."""

    def request_shutdown(self, reason: str) -> None:
        """End the job."""

    def session_closed(self, reason: CloseReason) -> None:
        """The session is over."""


current_host: ContextVar[SessionHost | None] = ContextVar("agentd_session_host", default=None)
