"""The parts of a daemon that know the app: made together, started one by one by the tree."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wait_event
from agentd.dispatch.desk import JobDesk
from agentd.dispatch.link import Link
from agentd.dispatch.restore import Restorer
from agentd.dispatch.roomapi import RoomApi
from agentd.dispatch.rooms import Rooms
from agentd.errors import AgentdError
from agentd.journal.journal import FILE_NAME, Journal
from agentd.management.health import DaemonView, Health, LinkView, judge_health
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import ChildId
from agentd.settings.layers import Resolved
from agentd.settings.paths import Directories
from agentd.supervision.exits import NORMAL
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import TreeView, find_troubles
from agentd.supervisor.guards import Guards
from agentd.supervisor.keeper import TemplateKeeper
from agentd.supervisor.pool import Pool
from agentd.supervisor.postmortem import PostMortem

from .failing import TemplateFailing, show_failing
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
        directories: Directories,
        keeper: TemplateKeeper,
        pool: Pool,
        tree: Supervisor,
    ) -> None:
        settings = resolved.settings
        self.resolved = resolved
        self.app = app
        self.keeper = keeper
        self.tree = tree
        self.socket_path = directories.socket_path
        self.control_path = directories.control_path
        self.journal = Journal(Path(directories.state.path) / FILE_NAME, settings.journal)
        self.pool = pool
        self.api = RoomApi(settings.livekit)
        rooms = Rooms(self.api)
        self.guards = Guards(settings.admission)
        self.desk = JobDesk(
            settings.jobs,
            settings.livekit,
            self.pool,
            self.journal,
            ask_app=app.answers_offers,
            guards=self.guards,
        )
        self.desk.running.farewell = rooms.farewell
        self.desk.running.is_wanted = rooms.is_wanted
        self.pool.on_post_mortem = self._keep_post_mortem
        self.restorer = Restorer(self.desk.book, self.desk.running, self.pool, rooms.is_occupied)
        self.link = Link(settings.livekit, app, self.desk, running_jobs=self.desk.running_jobs)
        self.desk.connect(self.link)
        self.reconciler = make_reconciler(
            settings,
            app,
            self.api,
            desk=self.desk,
            pool=self.pool,
            link=self.link,
            journal=self.journal,
        )
        """None where there is no such child."""
        self._failing = TemplateFailing(tree, self.pool)
        self._hopeless = asyncio.Event()
        self._error: AgentdError | None = None
        self._warm = asyncio.Event()
        self.pool.subscribe(self._note_warm)

    # -- views -----------------------------------------------------------------------

    def view(self) -> DaemonView:
        """The daemon at this moment."""
        state = self.link.state()
        return DaemonView(
            template=self.keeper.view(),
            pool=self.pool.view(),
            link=LinkView(phase=state.phase, error=state.error, worker_id=state.worker_id),
            jobs=self.desk.job_count,
            draining=self.desk.draining,
            troubles=find_troubles(self.tree_view()),
        )

    def health(self) -> Health:
        """What /healthz says."""
        return judge_health(self.view())

    def tree_view(self) -> TreeView:
        """The tree; its pool is shown as failing when its children are."""
        return show_failing(self.tree.view(), self.pool.view())

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
        await self.desk.registered.wait()
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

    def note_app(self, app: AppInfo, agent_name: str) -> None:
        """Compare what a reloaded app says of itself with what LiveKit was told."""
        mine = self.resolved.settings.livekit.agent_name
        changed = registered_changes(self.app, app, mine, agent_name)
        if changed:
            logger.warning(
                "the app changed what it is registered with: restart the daemon for that",
                extra={"action": "restart_needed", "changed": ", ".join(changed)},
            )

    def _keep_post_mortem(self, record: PostMortem) -> None:
        self.journal.record_post_mortem(
            ChildId(record.child),
            record.text,
            job=record.job,
            pid=record.pid,
            fields=record.fields(),
        )

    def _note_warm(self) -> None:
        if not self._warm.is_set() and self.pool.view().idle:
            self._warm.set()


def registered_changes(old: AppInfo, new: AppInfo, old_name: str, new_name: str) -> list[str]:
    """What differs of the things that are told once, at the start. The names are effective ones."""
    changed = [] if old_name == new_name else ["agent_name"]
    told_once = ("server_type", "permissions", "answers_offers")
    return changed + [name for name in told_once if getattr(old, name) != getattr(new, name)]
