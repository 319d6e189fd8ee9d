"""JobListener: who hears what a job says of itself, in a child the supervisor."""

from __future__ import annotations

from typing import Protocol

from agentd.io.session_side import SessionSide
from agentd.protocol.job import JobOutcome


class JobListener(Protocol):
    """Hears of the turns in a job's life while it runs. No call may raise."""

    def started(self) -> None:
        """The entrypoint is called now."""
        ...

    def back(self) -> None:
        """A job that goes on is in its room again, and listens. May be repeated."""
        ...

    async def closing(self, outcome: JobOutcome) -> None:
        """How the job has ended; the agent leaves the room when this returns."""
        ...

    def snapshot(self, version: int, data: bytes) -> None:
        """What the job wants remembered; replaces the one before."""
        ...

    def session(self, session: SessionSide) -> None:
        """The job's session begins. What is put into its slots now stays there: the room fills
        only those that are empty."""
        ...


class Nobody:
    """Hears nothing: for a job that has no supervisor."""

    def started(self) -> None:
        return

    def back(self) -> None:
        return

    async def closing(self, outcome: JobOutcome) -> None:
        return

    def snapshot(self, version: int, data: bytes) -> None:
        return

    def session(self, session: SessionSide) -> None:
        return
