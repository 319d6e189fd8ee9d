"""The parts of a daemon that know the app: made together, started one by one by the tree."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wait_event
from agentd.dispatch.link import Link
from agentd.dispatch.roomapi import RoomApi
from agentd.dispatch.rooms import Rooms
from agentd.errors import AgentdError
from agentd.management.feed import EventFeed
from agentd.management.health import DaemonView, Health, LinkView, judge_health
from agentd.management.metrics_view import MetricsView
from agentd.management.readiness import Readiness, judge_readiness
from agentd.protocol.app import AppInfo
from agentd.settings.fields import FIELDS
from agentd.settings.layers import Resolved
from agentd.supervision.exits import NORMAL
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import TreeView, find_troubles
from agentd.supervisor.keeper import TemplateKeeper

from .base import Base
from .failing import TemplateFailing, show_failing
from .figures import view_metrics
from .reconciling import make_reconciler

logger = logging.getLogger("agentd.daemon")

FIRST_CHILD_MARGIN = 2.0
"""Seconds beyond its own deadline that the first warm child is waited for before registering."""


class Parts:
    """The running parts, together."""

    def __init__(
        self,
        resolved: Resolved,
        app: AppInfo,
        *,
        base: Base,
        keeper: TemplateKeeper,
        tree: Supervisor,
    ) -> None:
        settings = resolved.settings
        self.resolved = resolved
        self.app = app
        self.keeper = keeper
        self.tree = tree
        self.base = base
        base.settle(settings, ask_app=app.answers_offers)
        self.api = RoomApi(settings.livekit)
        self.rooms = Rooms(self.api)
        base.desk.running.farewell = self.rooms.farewell
        base.desk.running.is_wanted = self.rooms.is_wanted
        self.link = Link(settings.livekit, app, base.desk, running_jobs=base.desk.running_jobs)
        base.desk.connect(self.link)
        self.reconciler = make_reconciler(settings, app, base, api=self.api, link=self.link)
        """None where there is no such child."""
        self.feed = EventFeed()
        self.http_sockets: Sequence[socket.socket] = ()
        """Listen already for HTTP, where somebody has opened them for us."""
        self._failing = TemplateFailing(tree, base.pool)
        self._hopeless = asyncio.Event()
        self._error: AgentdError | None = None
        self._warm = asyncio.Event()
        base.pool.subscribe(self._note_warm)

    # -- views -----------------------------------------------------------------------

    @property
    def agent_name(self) -> str:
        """What dispatches name to reach this daemon; empty: those that name nobody."""
        return self.resolved.settings.livekit.agent_name or self.app.agent_name

    def view(self) -> DaemonView:
        """The daemon at this moment."""
        state = self.link.state()
        return DaemonView(
            template=self.keeper.view(),
            pool=self.base.pool.view(),
            link=LinkView(phase=state.phase, error=state.error, worker_id=state.worker_id),
            jobs=self.base.desk.job_count,
            draining=self.base.desk.draining,
            troubles=find_troubles(self.tree_view()),
        )

    def health(self) -> Health:
        """What /healthz says."""
        return judge_health(self.view())

    def readiness(self) -> Readiness:
        """What /readyz says."""
        return judge_readiness(self.view())

    def metrics(self) -> MetricsView:
        """What /metrics is made of."""
        return view_metrics(self)

    def tree_view(self) -> TreeView:
        """The tree; its pool is shown as failing when its children are."""
        return show_failing(self.tree.view(), self.base.pool.view())

    # -- how it ends -----------------------------------------------------------------

    def give_up(self, error: AgentdError) -> None:
        """Something went wrong that no restart mends."""
        self._error = self._error or error
        self._hopeless.set()

    async def wait_hopeless(self) -> None:
        """Wait for what ends the daemon unasked, and raise it."""
        async with TaskOwner("hopeless") as tasks:
            hopeless = tasks.start(self._hopeless.wait(), name="given-up")
            ended = tasks.start(self.tree.wait(), name="tree")
            await asyncio.wait({hopeless, ended}, return_when=asyncio.FIRST_COMPLETED)
        exit = ended.result() if ended.done() and not ended.cancelled() else NORMAL
        error = self._error or exit.error
        raise error if isinstance(error, BaseException) else AgentdError("the daemon's tree ended")

    # -- getting ready ---------------------------------------------------------------

    async def wait_warm(self) -> None:
        """Wait for the first warm child, but not for ever: an offer may wait for one too."""
        pool = self.resolved.settings.pool
        if pool.num_idle_processes:
            limit = pool.initialize_process_timeout + FIRST_CHILD_MARGIN
            await wait_event(self._warm, limit)

    async def announce_ready(self) -> None:
        """Say once that jobs can come: the line that scripts wait for."""
        await self.base.desk.registered.wait()
        view = self.view()
        logger.info(
            "ready for jobs",
            extra={
                "action": "ready",
                "worker_id": view.link.worker_id,
                "slots": view.pool.slots,
                "warm": view.pool.idle,
                "start_method": view.pool.start_method,
            },
        )

    def note_app(self, app: AppInfo, resolved: Resolved) -> None:
        """Say what a reloaded app has changed that this daemon and LiveKit go on without."""
        changed = [*registered_changes(self.app, app), *changed_settings(self.resolved, resolved)]
        if changed:
            logger.warning(
                "the app changed what only a restart of the daemon brings into force",
                extra={
                    "action": "restart_needed",
                    "changed": ", ".join(changed),
                    "next": "new jobs run the new code under what was set at the start; "
                    "start a second daemon and drain this one, or restart it",
                },
            )

    def _note_warm(self) -> None:
        if not self._warm.is_set() and self.base.pool.view().idle:
            self._warm.set()


def registered_changes(old: AppInfo, new: AppInfo) -> list[str]:
    """What differs of the things that LiveKit is told once, at the start; not its name."""
    told_once = ("server_type", "permissions", "answers_offers")
    return [name for name in told_once if getattr(old, name) != getattr(new, name)]


def changed_settings(old: Resolved, new: Resolved) -> list[str]:
    """Settings that differ as they are in effect: a flag may go over the app's own. Names only."""
    return [name for name in FIELDS if old.value(name) != new.value(name)]
