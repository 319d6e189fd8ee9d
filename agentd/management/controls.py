"""What the control API asks of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agentd.protocol.ids import JobId
from agentd.supervision.view import TreeView

from .views import JobDetails, JobPage, StatusView


class Controls(Protocol):
    """The daemon, as it is looked at and steered.

    What is not async returns at once: the rest of the daemon runs on the same loop.
    """

    def status(self) -> StatusView:
        """The daemon at this moment."""

    def tree(self) -> TreeView:
        """Its supervision tree at this moment."""

    async def jobs(self, limit: int, before: JobId | None) -> JobPage:
        """A page of the journal's jobs (`history.read_jobs`)."""

    async def job(self, job_id: JobId) -> JobDetails | None:
        """One job with its history (`history.read_job`); None for one that nobody knows."""

    def drain(self, reason: str) -> None:
        """Take no new job, let those that run end, then end the daemon. May be repeated."""

    def reload(self, *, swap: bool = False) -> None:
        """Import the app anew, for new jobs; `swap`: for those that run, too."""

    def stop_job(self, job_id: JobId, reason: str) -> bool:
        """Ask a running job to shut down within its budgets; False when it does not run."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this on each change of the jobs or the drain; returns how to stop that."""
