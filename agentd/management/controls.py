"""What the control API asks of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agentd.journal.records import Query
from agentd.protocol.ids import JobId
from agentd.settings.model import LogLevel
from agentd.supervision.view import TreeView

from .operations import (
    ConfigView,
    DispatchRequest,
    DispatchView,
    LogLevelView,
    SimulateRequest,
    SimulationView,
    StacksRequest,
    StacksView,
)
from .views import ChildList, EventPage, JobDetails, JobPage, PostMortemPage, StatusView


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

    def children(self) -> ChildList:
        """All children at this moment."""

    async def events(self, query: Query) -> EventPage:
        """A page of what happened (`history.read_events`)."""

    async def post_mortems(self, query: Query) -> PostMortemPage:
        """A page of why children died (`history.read_post_mortems`)."""

    def config(self) -> ConfigView:
        """The settings in force, secrets masked."""

    def drain(self, reason: str) -> None:
        """Take no new job, let those that run end, then end the daemon. May be repeated."""

    def undrain(self, reason: str) -> None:
        """Take a drain back; raises ControlRefused where that can't be."""

    def reload(self, *, swap: bool = False) -> None:
        """Import the app anew, for new jobs; `swap`: for those that run, too.

        Raises ControlRefused while it drains.
        """

    def stop_job(self, job_id: JobId, reason: str) -> bool:
        """Ask a running job to shut down within its budgets; False when it does not run."""

    def resume_job(self, job_id: JobId, reason: str) -> None:
        """Move a running job into another child; raises ControlRefused where that can't be."""

    async def dispatch(self, request: DispatchRequest) -> DispatchView:
        """Have LiveKit send an agent to a room; raises ControlRefused where it does not."""

    def simulate(self, request: SimulateRequest) -> SimulationView:
        """Run a job without LiveKit; raises ControlRefused where no job is taken."""

    def set_log_level(self, level: LogLevel) -> LogLevelView:
        """Write this much from now on, children too."""

    async def stacks(self, request: StacksRequest) -> StacksView:
        """Where the processes are; raises ControlRefused for a child or job that is not here."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this on each change of the jobs or the drain; returns how to stop that."""
