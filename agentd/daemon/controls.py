"""The daemon as those see it who look at it and steer it from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version

from agentd.aio.timing import now
from agentd.management.health import judge_health
from agentd.management.history import read_job, read_jobs
from agentd.management.views import DrainView, JobDetails, JobPage, StatusView
from agentd.protocol.ids import JobId
from agentd.supervision.view import TreeView

from .parts import Parts


class DaemonControls:
    """The daemon as `agentd.management.controls.Controls` wants it."""

    def __init__(
        self, parts: Parts, *, drain: Callable[[str], None], reload: Callable[..., None]
    ) -> None:
        """`drain` and `reload` are the daemon's own and take a reason."""
        self._parts = parts
        base = self._base = parts.base
        self._request_drain = drain
        self._request_reload = reload
        self._version = version("agentd")  # a file to read, and not at every look
        self._started_at = now()
        self._reason = ""
        self._deadline_at: float | None = None
        self._watchers: set[Callable[[], None]] = set()
        base.pool.subscribe(self.note_change)
        base.desk.running.subscribe(self.note_change)

    def note_draining(self, reason: str) -> None:
        """A drain begins."""
        self._reason = reason
        self._deadline_at = now() + self._parts.resolved.settings.jobs.drain_timeout
        self.note_change()

    def note_change(self) -> None:
        """Something is different: tell whoever watches."""
        for callback in tuple(self._watchers):
            callback()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this on each change of the jobs or the drain; returns how to stop that."""
        self._watchers.add(callback)
        return lambda: self._watchers.discard(callback)

    def status(self) -> StatusView:
        """The daemon at this moment."""
        parts = self._parts
        view = parts.view()
        return StatusView(
            version=self._version,
            pid=os.getpid(),
            uptime=now() - self._started_at,
            agent_name=parts.resolved.settings.livekit.agent_name,
            link=view.link,
            pool=view.pool,
            template=view.template,
            jobs=tuple(self._base.desk.view()),
            drain=self._drain(),
            journal=self._base.journal.view(),
            problems=tuple(judge_health(view).problems),
            troubles=tuple(view.troubles),
            refusals=self._base.desk.refusals.view(),
            circuits=self._base.pool.circuits.view(),
        )

    def _drain(self) -> DrainView:
        if self._deadline_at is None:
            return DrainView(jobs_left=self._base.desk.job_count)
        left = self._deadline_at - now()
        return DrainView(
            draining=True,
            reason=self._reason,
            jobs_left=self._base.desk.job_count,
            seconds_left=max(0.0, left),
            ending=left <= 0,
        )

    def tree(self) -> TreeView:
        """Its supervision tree at this moment."""
        return self._parts.tree_view()

    async def jobs(self, limit: int, before: JobId | None) -> JobPage:
        """A page of the journal's jobs."""
        return await read_jobs(self._base.journal, limit, before)

    async def job(self, job_id: JobId) -> JobDetails | None:
        """One job with its history."""
        return await read_job(self._base.journal, job_id)

    def drain(self, reason: str) -> None:
        """Take no new job, let those that run end, then end the daemon."""
        self._request_drain(reason)

    def reload(self, *, swap: bool = False) -> None:
        """Import the app anew, for new jobs; `swap`: for those that run, too."""
        self._request_reload("asked for over the control socket", swap=swap)

    def stop_job(self, job_id: JobId, reason: str) -> bool:
        """Ask a running job to shut down; False when it does not run."""
        return self._base.desk.running.stop(job_id, reason)
