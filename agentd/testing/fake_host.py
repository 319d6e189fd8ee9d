"""A job for sessions, in memory: it keeps snapshots as the supervisor would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agentd.protocol.job import ResumeReason


class FakeHost:
    """A SessionHost. What it was left with by one can be given to the next."""

    def __init__(
        self,
        remembered: bytes = b"",
        *,
        reason: ResumeReason = "crash",
        directory: Path | None = None,
    ) -> None:
        self.directory = directory or Path()
        self.kept = b""
        """The last snapshot; what a process that dies now leaves behind."""
        self.snapshots = 0
        """How many were taken."""
        self.shutdown_reasons: list[str] = []
        self.deleted_rooms = 0
        self.connected = False
        self.closers: list[Callable[[], Awaitable[object]]] = []
        self.settle: Callable[[], Awaitable[str]] | None = None
        """Waits for a moment in which the job may be given to another process."""
        self._remembered = remembered
        self._reason = reason
        self._session: Any = None
        self._take: Callable[[], bytes] | None = None

    async def connect(self) -> None:
        """See SessionHost."""
        self.connected = True

    def attach_closer(self, close: Callable[[], Awaitable[object]]) -> None:
        """See SessionHost."""
        self.closers.append(close)

    def remember(self, take: Callable[[], bytes]) -> None:
        """See SessionHost: once a turn of the loop."""
        if self._take is None:
            asyncio.get_running_loop().call_soon(self._keep)
        self._take = take

    def take_remembered(self) -> bytes:
        """See SessionHost."""
        remembered, self._remembered = self._remembered, b""
        return remembered

    def why_resumed(self) -> ResumeReason:
        """See SessionHost."""
        return self._reason

    def at_work(self, settle: Callable[[], Awaitable[str]]) -> None:
        """See SessionHost."""
        self.settle = settle

    def request_shutdown(self, reason: str) -> None:
        """See SessionHost."""
        self.shutdown_reasons.append(reason)

    async def delete_room(self) -> None:
        """See SessionHost."""
        self.deleted_rooms += 1

    def claim(self, session: Any) -> bool:
        """See SessionHost."""
        self._session = self._session or session
        return self._session is session

    def _keep(self) -> None:
        take, self._take = self._take, None
        if take is not None:
            self.kept = take()
            self.snapshots += 1
