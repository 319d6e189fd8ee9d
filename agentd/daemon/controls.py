"""The daemon as those see it who look at it and steer it from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version

from msgspec.structs import replace

from agentd.aio.timing import now
from agentd.dispatch.simulating import simulated_offer
from agentd.errors import ControlRefused
from agentd.ids import shortuuid
from agentd.journal.records import Query
from agentd.management import operations, views
from agentd.management.health import judge_health
from agentd.management.history import read_events, read_job, read_jobs, read_post_mortems
from agentd.management.readiness import judge_readiness
from agentd.management.views import JobDetails, JobPage, StatusView
from agentd.protocol.ids import JobId
from agentd.settings.model import LogLevel
from agentd.supervision.view import TreeView

from .childlist import ChildList
from .dispatching import dispatch
from .draining import Draining
from .loglevels import LogLevels
from .parts import Parts
from .showconfig import show_config
from .stacks import take_stacks


class DaemonControls:
    """The daemon as `agentd.management.controls.Controls` wants it."""

    def __init__(
        self,
        parts: Parts,
        draining: Draining,
        *,
        drain: Callable[[str], None],
        reload: Callable[..., None],
    ) -> None:
        """`drain` and `reload` are the daemon's own and take a reason."""
        self._parts = parts
        base = self._base = parts.base
        self._draining = draining
        self._request_drain = drain
        self._request_reload = reload
        self._children = ChildList(base.pool, base.desk.book)
        self._levels = LogLevels(parts)
        self._version = version("agentd")  # a file to read, and not at every look
        self._started_at = now()
        self._watchers: set[Callable[[], None]] = set()
        base.pool.subscribe(self.note_change)
        base.desk.running.subscribe(self.note_change)
        draining.on_change = self.note_change

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
            children=self._children.entries(),
            drain=self._draining.view(),
            journal=self._base.journal.view(),
            problems=tuple(judge_health(view).problems),
            readiness=judge_readiness(view),
            troubles=tuple(view.troubles),
            refusals=self._base.desk.refusals.view(),
            circuits=self._base.pool.circuits.view(),
        )

    def tree(self) -> TreeView:
        """Its supervision tree at this moment."""
        return self._parts.tree_view()

    async def jobs(self, limit: int, before: JobId | None) -> JobPage:
        """A page of the journal's jobs."""
        return await read_jobs(self._base.journal, limit, before)

    async def job(self, job_id: JobId) -> JobDetails | None:
        """One job with its history."""
        found = await read_job(self._base.journal, job_id)
        if found is None:
            return None
        live = next((job for job in self._base.desk.view() if job.id == job_id), None)
        on = next((each for each in self._children.entries() if each.job_id == job_id), None)
        return replace(found, live=live, on=on if live is not None else None)

    def children(self) -> views.ChildList:
        """All children at this moment."""
        return views.ChildList(children=self._children.entries())

    async def events(self, query: Query) -> views.EventPage:
        """A page of what happened."""
        return await read_events(self._base.journal, query)

    async def post_mortems(self, query: Query) -> views.PostMortemPage:
        """A page of why children died."""
        return await read_post_mortems(self._base.journal, query)

    def config(self) -> operations.ConfigView:
        """The settings in force, secrets masked."""
        return show_config(self._parts, self._levels)

    # -- steering ----------------------------------------------------------------------

    def drain(self, reason: str) -> None:
        """Take no new job, let those that run end, then end the daemon."""
        self._request_drain(reason)

    def undrain(self, reason: str) -> None:
        """Take a drain back; raises ControlRefused where that can't be."""
        self._draining.take_back(reason)

    def reload(self, *, swap: bool = False) -> None:
        """Import the app anew, for new jobs; `swap`: for those that run, too."""
        if self._draining.view().draining:
            raise ControlRefused(
                "the daemon drains and takes no new code: start another one, or take the drain "
                "back first (agentd undrain)",
                code="conflict",
            )
        self._request_reload("asked for over the control socket", swap=swap)

    def stop_job(self, job_id: JobId, reason: str) -> bool:
        """Ask a running job to shut down; False when it does not run."""
        return self._base.desk.running.stop(job_id, reason)

    def resume_job(self, job_id: JobId, reason: str) -> None:
        """Move a running job into another child; raises ControlRefused where that can't be."""
        refusal = self._base.desk.running.move(job_id, reason)
        if refusal is None:
            raise ControlRefused(f"no job '{job_id}' runs here", code="not_found")
        if refusal:
            raise ControlRefused(f"job '{job_id}' stays where it is: {refusal}", code="conflict")

    async def dispatch(self, request: operations.DispatchRequest) -> operations.DispatchView:
        """Have LiveKit send an agent to a room; raises ControlRefused where it does not."""
        parts = self._parts
        return await dispatch(parts.api, request, own_name=parts.agent_name, view=parts.view())

    def simulate(self, request: operations.SimulateRequest) -> operations.SimulationView:
        """Run a job without LiveKit; raises ControlRefused where no job is taken."""
        room = request.room or shortuuid("simulation-")
        offer = simulated_offer(room, self._parts.agent_name, request.metadata)
        refusal = self._base.simulations.start(offer, request.seconds)
        if refusal is not None:
            raise ControlRefused(f"no job is taken now: {refusal.text}", code="conflict")
        return operations.SimulationView(job=offer.job_id, room=room, seconds=request.seconds)

    def set_log_level(self, level: LogLevel) -> operations.LogLevelView:
        """Write this much from now on, children too."""
        return self._levels.set(level)

    async def stacks(self, request: operations.StacksRequest) -> operations.StacksView:
        """Where the processes are; raises ControlRefused for a child or job that is not here."""
        return await take_stacks(self._base.pool.children, request)
