"""The job as its sessions see it (see agentd.voice.host)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agentd.protocol.job import ResumeReason

from .context import JobContext
from .parts import JobParts


class JobSessionHost:
    """A SessionHost; one for each job."""

    def __init__(self, context: JobContext, parts: JobParts) -> None:
        self._context = context
        self._parts = parts
        self._remembered = parts.session
        self._session: Any = None

    async def connect(self) -> None:
        """See SessionHost."""
        await self._context.connect()

    def attach_closer(self, close: Callable[[], Awaitable[object]]) -> None:
        """See SessionHost."""
        self._context.attach_session(close)

    def remember(self, take: Callable[[], bytes]) -> None:
        """See SessionHost."""
        self._parts.snapshots.remember_session(take)

    def take_remembered(self) -> bytes:
        """See SessionHost."""
        remembered, self._remembered = self._remembered, b""
        return remembered

    def why_resumed(self) -> ResumeReason:
        """See SessionHost."""
        return self._parts.resume_reason

    def at_work(self, settle: Callable[[], Awaitable[str]]) -> None:
        """See SessionHost."""
        self._parts.departure.settle = settle
        self._parts.listener.back()

    def request_shutdown(self, reason: str) -> None:
        """See SessionHost."""
        self._context.shutdown(reason)

    async def delete_room(self) -> None:
        """See SessionHost."""
        await self._context.delete_room()

    @property
    def directory(self) -> Path:
        """See SessionHost."""
        return self._context.session_directory

    def claim(self, session: Any) -> bool:
        """See SessionHost."""
        if self._session is None:
            self._session = session
            self._parts.listener.session(session)
        return self._session is session
