"""The daemon: starts its parts in order, waits for a reason to stop, ends them in reverse.

The order matters. The template comes first, since the app may set what the others need;
the pool before the link, so that the first offer finds a warm child; and the link ends
after the last job, so that every outcome is reported.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, wait_event, within
from agentd.dispatch.desk import JobDesk
from agentd.dispatch.link import Link
from agentd.dispatch.restore import Restorer
from agentd.ipc.listener import Listener
from agentd.journal.journal import FILE_NAME, Journal
from agentd.management.health import DaemonView, Health, LinkView, judge_health
from agentd.management.server import HttpServer
from agentd.protocol.app import AppInfo
from agentd.protocol.frames import TemplateReady
from agentd.protocol.job import JobAssignment
from agentd.settings.access import require_access
from agentd.settings.layers import Resolved, app_layer, resolve
from agentd.settings.load import child_environment, environment
from agentd.settings.paths import (
    Directories,
    choose_directories,
    discard,
    prepare_directories,
    this_process,
)
from agentd.supervisor.keeper import TemplateKeeper
from agentd.supervisor.linux import become_subreaper
from agentd.supervisor.pool import Pool
from agentd.supervisor.process import Reaper
from agentd.supervisor.template import TemplateSpec

from .configure import child_spec
from .exits import ExitCode
from .log import write_log
from .plan import DaemonPlan
from .reconciling import run_reconciler
from .reload import watch_app
from .signals import StopRequests
from .sink import LogSink

logger = logging.getLogger("agentd.daemon")

FIRST_CHILD_MARGIN = 2.0
"""Seconds beyond its own deadline that the first warm child is waited for before registering."""


class Daemon:
    """One run of the daemon. `run` once."""

    def __init__(self, plan: DaemonPlan) -> None:
        self._plan = plan
        self._stop = StopRequests(self._end_at_once)
        self._reaper = Reaper()
        self._sink = LogSink()
        self._tasks = TaskOwner("daemon")
        self._parts: _Parts | None = None
        self._keeper: TemplateKeeper | None = None
        self._pool: Pool | None = None

    async def run(self) -> ExitCode:
        """Start, serve, stop; raises AgentdError when the user has to mend something."""
        self._stop.install()
        become_subreaper()
        async with AsyncExitStack() as stack:
            stack.callback(self._stop.uninstall)
            self._reaper.start()
            stack.callback(self._reaper.stop)
            stack.push_async_callback(self._tasks.aclose)
            starting = self._tasks.start(self._start(stack), name="start", report=False)
            if not await self._first(starting):
                return await self._give_up(starting)
            parts = self._parts = starting.result()
            # Once more, to come first: what serves must not see its parts end.
            stack.push_async_callback(self._tasks.aclose)
            serving = self._tasks.start(self._serve(parts), name="serve", report=False)
            await self._first(serving)
            return await self._drain(parts)

    async def _first(self, task: asyncio.Task[object]) -> bool:
        """Wait for a task or a stop signal; says whether the task came first, raises its error."""
        stopping = self._tasks.start(self._stop.requested.wait(), name="stop-requested")
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if task.done():
            task.result()
            return True
        return False

    async def _give_up(self, starting: asyncio.Task[_Parts]) -> ExitCode:
        """End the start; parts that are there already end with the stack."""
        told = {"reason": self._stop.reason}
        logger.info("stopping while starting", extra={"action": "stopping", **told})
        await cancel_and_wait(starting)
        logger.info("stopped", extra={"action": "stopped", **told})
        return ExitCode.OK

    # -- starting --------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack) -> _Parts:
        resolved = resolve(self._plan.layers)
        directories = self._directories(resolved, stack)
        keeper = self._keeper = self._make_keeper(resolved, directories)
        stack.push_async_callback(keeper.aclose)
        ready = await keeper.start()
        resolved = self._with_app(ready)
        settings = resolved.settings
        require_access(resolved)
        write_log(settings.log, dev=self._plan.dev)  # the app may have its own wishes

        pool = self._pool = Pool(settings.pool, child_spec(settings), self._reaper, self._sink)
        stack.push_async_callback(pool.aclose, "the daemon is stopping")
        journal = await stack.enter_async_context(
            Journal.open(directories.state.path / FILE_NAME, settings.journal)
        )
        desk = JobDesk(
            settings.jobs,
            settings.livekit,
            pool,
            journal,
            ask_app=ready.app.answers_offers,
        )
        stack.push_async_callback(desk.aclose)
        restorer = Restorer(desk.book, desk.running, pool, _somebody)
        orphans = await restorer.adopt_living(journal)
        pool.on_return = restorer.take_back
        await stack.enter_async_context(Listener(directories.socket_path, pool.handle_hello))
        self._tasks.start(restorer.resume_orphans(orphans), name="orphans")
        link = Link(settings.livekit, ready.app, desk, running_jobs=desk.running_jobs)
        stack.push_async_callback(link.aclose)
        desk.connect(link)
        parts = _Parts(resolved, ready.app, keeper, pool, desk, link)
        http = HttpServer(settings.http, parts.health)
        await stack.enter_async_context(http)
        keeper.attach(pool, ready)
        return parts

    def _directories(self, resolved: Resolved, stack: AsyncExitStack) -> Directories:
        directories = choose_directories(
            resolved, environment(), me=this_process(), dev=self._plan.dev
        )
        stack.callback(discard, directories)
        prepare_directories(directories)
        return directories

    def _make_keeper(self, resolved: Resolved, directories: Directories) -> TemplateKeeper:
        settings = resolved.settings
        spec = TemplateSpec(
            app=self._plan.app,
            socket=str(directories.socket_path),
            environment=child_environment(settings, dev=self._plan.dev),
            timeout=settings.pool.template_timeout,
            log_level=settings.log.log_level,
            verbose=self._plan.verbose,
        )
        return TemplateKeeper(
            spec,
            self._reaper,
            self._sink,
            start_method=settings.pool.start_method,
            restart_max_delay=settings.pool.restart_max_delay,
            spare=self._plan.reload,
        )

    def _with_app(self, ready: TemplateReady) -> Resolved:
        for note in ready.app.notes:
            logger.warning(note, extra={"action": "app_note"})
        app = ready.app
        own = app.dev_settings if self._plan.dev else app.settings
        return resolve([*self._plan.layers, app_layer(own, agent_name=app.agent_name)])

    # -- serving ---------------------------------------------------------------------

    async def _serve(self, parts: _Parts) -> None:
        """Run the parts until one of them fails, or the link was closed."""
        async with TaskOwner("serving") as tasks:
            running = {tasks.start(parts.keeper.run(), name="keeper", report=False)}
            if self._plan.reload:
                watching = watch_app(parts.app, parts.keeper)
                running.add(tasks.start(watching, name="watch", report=False))
            await parts.wait_warm()
            running.add(tasks.start(parts.link.run(), name="link", report=False))
            tasks.start(parts.announce_ready(), name="ready")
            tasks.start(
                run_reconciler(
                    parts.resolved.settings, parts.app, parts.desk, parts.pool, parts.link
                ),
                name="reconcile",
            )
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    # -- stopping --------------------------------------------------------------------

    async def _drain(self, parts: _Parts) -> ExitCode:
        """Take nothing new, let jobs end within the drain timeout, then end them."""
        timeout = parts.resolved.settings.jobs.drain_timeout
        logger.info(
            "draining",
            extra={
                "action": "draining",
                "reason": self._stop.reason,
                "jobs": parts.desk.job_count,
                "drain_timeout": timeout,
            },
        )
        parts.desk.drain(self._stop.reason)
        parts.pool.close_to_jobs("the daemon is stopping")
        ended = await parts.desk.wait_ended(timeout)
        if not ended:
            self._warn_of_jobs(parts, timeout)
        # Also when all have ended: a child whose offer came to nothing is warm again.
        parts.pool.shutdown_jobs("the daemon is stopping")
        await self._wait_empty(parts)
        await parts.link.aclose()
        logger.info("stopped", extra={"action": "stopped", "reason": self._stop.reason})
        return ExitCode.OK if ended or self._plan.dev else ExitCode.DRAIN_TIMEOUT

    def _warn_of_jobs(self, parts: _Parts, timeout: float) -> None:
        logger.warning(
            "ending the jobs that are left",
            extra={
                "action": "drain_timeout",
                "jobs": parts.desk.job_count,
                "reason": f"the drain timeout of {timeout:g} s is over",
            },
        )

    async def _wait_empty(self, parts: _Parts) -> None:
        """Children keep to budgets of their own; this bound is for the sum of them."""
        spec = child_spec(parts.resolved.settings)
        try:
            await within(
                now() + spec.job_shutdown_timeout + spec.exit_timeout, parts.pool.wait_empty()
            )
        except TimeoutError:
            logger.error(
                "children outlasted their budgets and are killed", extra={"action": "kill_children"}
            )

    def _end_at_once(self) -> None:
        """A second signal: no more waiting for anything."""
        logger.warning("ended at once by a second signal", extra={"action": "forced"})
        if self._pool is not None:
            for child in self._pool.children:
                child.kill("ended at once by a second signal")
        if self._keeper is not None:
            self._keeper.kill()
        logging.shutdown()
        os._exit(ExitCode.FORCED)


async def _somebody(_assignment: JobAssignment) -> bool:
    return True


class _Parts:
    """The running parts, together."""

    def __init__(
        self,
        resolved: Resolved,
        app: AppInfo,
        keeper: TemplateKeeper,
        pool: Pool,
        desk: JobDesk,
        link: Link,
    ) -> None:
        self.resolved = resolved
        self.app = app
        self.keeper = keeper
        self.pool = pool
        self.desk = desk
        self.link = link
        self._warm = asyncio.Event()
        pool.subscribe(self._note_warm)

    def view(self) -> DaemonView:
        """The daemon at this moment."""
        state = self.link.state()
        return DaemonView(
            template=self.keeper.view(),
            pool=self.pool.view(),
            link=LinkView(phase=state.phase, error=state.error, worker_id=state.worker_id),
            jobs=self.desk.job_count,
            draining=self.desk.draining,
        )

    def health(self) -> Health:
        """What /healthz says."""
        return judge_health(self.view())

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

    def _note_warm(self) -> None:
        if not self._warm.is_set() and self.pool.view().idle:
            self._warm.set()
