"""JobListener: who hears what a job says of itself, in a child the supervisor."""

from __future__ import annotations

from typing import Protocol

from agentd.protocol.job import JobOutcome


class JobListener(Protocol):
    """Hears of the turns in a job's life while it runs. No call may raise."""

    def started(self) -> None:
        """The entrypoint is called now."""
        ...

    async def closing(self, outcome: JobOutcome) -> None:
        """How the job has ended; the agent leaves the room when this returns."""
        ...

    def snapshot(self, version: int, data: bytes) -> None:
        """What the job wants remembered; replaces the one before."""
        ...


class Nobody:
    """Hears nothing: for a job that has no supervisor."""

    def started(self) -> None:
        return

    async def closing(self, outcome: JobOutcome) -> None:
        return

    def snapshot(self, version: int, data: bytes) -> None:
        return
