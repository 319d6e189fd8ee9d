"""ShutdownRequest: that a job shall end, and why."""

from __future__ import annotations

import asyncio


class ShutdownRequest:
    """Set once, by whoever is first; everybody else reads it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._reason = ""
        self._user_initiated = False

    def request(self, reason: str, *, user_initiated: bool = False) -> None:
        """Ask the job to end. May be repeated: the first reason stays."""
        if self._event.is_set():
            return
        self._reason = reason
        self._user_initiated = user_initiated
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the job is to end."""
        return self._event.is_set()

    @property
    def reason(self) -> str:
        """Why; empty until it was asked."""
        return self._reason

    @property
    def user_initiated(self) -> bool:
        """Whether the user's own code asked."""
        return self._user_initiated

    async def wait(self) -> str:
        """Wait until the job is to end; returns the reason.

        Without a deadline: a job may last as long as its call.
        """
        await self._event.wait()
        return self._reason
