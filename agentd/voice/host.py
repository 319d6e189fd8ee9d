"""What a session needs of the job that it runs in. The job is above and fills it in.

Nothing is loaded here but names: a job without a session must not load one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from agentd.protocol.job import ResumeReason


class SessionHost(Protocol):
    """A job, as far as a session knows it."""

    async def connect(self) -> None:
        """Join the room, if that has not been done."""

    def attach_closer(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have this awaited when the job ends, before the room is left."""

    def remember(self, take: Callable[[], bytes]) -> None:
        """The conversation has changed: call `take` for its snapshot soon, once for many changes,
        and keep that in place of the one before."""

    def take_remembered(self) -> bytes:
        """The snapshot that an earlier process of the job has left; empty where there is none,
        and the second time."""

    def why_resumed(self) -> ResumeReason:
        """Why the job goes on in this process; without meaning where it began here."""

    def at_work(self, settle: Callable[[], Awaitable[str]]) -> None:
        """The job's session has begun. Have `settle` awaited before the job is given to another
        process: it waits for a good moment and says why there is none, or nothing."""

    def request_shutdown(self, reason: str) -> None:
        """End the job."""

    async def delete_room(self) -> None:
        """Delete the room, and with it disconnect everybody."""

    @property
    def directory(self) -> Path:
        """Where files of the job may be put; it goes with the job."""

    def claim(self, session: Any) -> bool:
        """A session begins in this job; whether it is the first, which is the one remembered."""


current_host: ContextVar[SessionHost | None] = ContextVar("agentd_session_host", default=None)
"""The job that code runs in; None outside of one."""


@contextmanager
def hosting(host: SessionHost) -> Iterator[None]:
    """Make this the job of sessions that are started here, and in tasks started here."""
    token = current_host.set(host)
    try:
        yield
    finally:
        current_host.reset(token)
