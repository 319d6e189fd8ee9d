"""The daemon: starts its tree, waits for a reason to stop, ends it in reverse.

The order matters. The template comes first, since the app may set what the others need;
the pool before the link, so that the first offer finds a warm child; and the link ends
after the last job, so that every outcome is reported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.errors import SettingsError
from agentd.protocol.app import AppInfo
from agentd.protocol.models import HostArgs, ModelRef
from agentd.settings.access import keep_secret, require_access
from agentd.settings.http_access import require_http_access
from agentd.settings.layers import Resolved, app_layer, resolve
from agentd.settings.load import child_environment, environment
from agentd.settings.paths import (
    Directories,
    choose_directories,
    discard,
    prepare_directories,
    this_process,
)
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.view import TreeView
from agentd.supervisor.keeper import TemplateKeeper, template_child
from agentd.supervisor.linux import become_subreaper
from agentd.supervisor.modelhost import ModelHost, ModelHostSpec
from agentd.supervisor.process import Reaper
from agentd.supervisor.reports import write_tree_report
from agentd.supervisor.template import TemplateSpec

from .base import Base
from .controls import DaemonControls
from .draining import Draining
from .exits import ExitCode
from .lock import state_lock
from .log import write_log
from .loopwatch import LoopWatch, Watchdog
from .models import ModelsSeat
from .parts import Parts
from .plan import DaemonPlan
from .service import Service
from .signals import StopRequests
from .sink import LogSink
from .systemd import service_manager
from .tree import (
    TREE,
    WATCHER,
    add_child,
    base_children,
    loop_watch_child,
    part_children,
    service_child,
)

logger = logging.getLogger("agentd.daemon")

Serving = tuple[Parts, Draining]
"""What runs once it has started."""


class Daemon:
    """One run of the daemon. `run` once."""

    def __init__(self, plan: DaemonPlan, *, sockets: Sequence[socket.socket] = ()) -> None:
        """`sockets` listen for HTTP already."""
        self._plan = plan
        self._sockets = sockets
        self._stop = StopRequests(self._end_at_once, lambda: self.reload("SIGHUP"))
        self._why_reloaded = ""
        self._manager = service_manager()
        self._service = Service(self._manager, self.tree)
        self._reaper = Reaper()
        self._sink = LogSink()
        self._tasks = TaskOwner("daemon")
        self._tree: Supervisor | None = None
        self._keeper: TemplateKeeper | None = None
        self._models: ModelsSeat | None = None
        self._base: Base | None = None
        self._parts: Parts | None = None

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
            parts, draining = starting.result()
            self._tasks.start(self._announce_ready(parts), name="ready")
            while True:
                serving = self._tasks.start(parts.wait_hopeless(), name="serve", report=False)
                await self._first(serving)
                await cancel_and_wait(serving)
                if (code := await draining.run()) is not None:
                    return code

    # -- what others may ask of it -----------------------------------------------------

    def tree(self) -> TreeView | None:
        """Its children and how they are; None before it has any."""
        if self._parts is not None:
            return self._parts.tree_view()
        return self._tree.view() if self._tree is not None else None

    def reload(self, reason: str, *, swap: bool = False) -> None:
        """Have the app imported anew for new jobs; the log says how it went.

        `swap`: those that run go on with it too, where they can.
        """
        if self._keeper is None or self._tree is None or self._stop.requested.is_set():
            return
        logger.info("the app is imported anew", extra={"action": "reloading", "reason": reason})
        self._take_new_code(self._keeper, self._tree, reason, swap=swap)

    def drain(self, reason: str) -> None:
        """Stop as a SIGTERM does; one that comes later is the first one all the same."""
        self._stop.request(reason)

    def _take_new_code(
        self, keeper: TemplateKeeper, tree: Supervisor, why: str, *, swap: bool = False
    ) -> None:
        self._why_reloaded = why
        self._service.note_reloading()
        keeper.reload(swap=swap or self._plan.swap)
        tree.hurry("template")  # where it waits to be tried again

    # -- inside ------------------------------------------------------------------------

    async def _announce_ready(self, parts: Parts) -> None:
        await parts.announce_ready()
        self._service.note_ready()

    async def _first(self, task: asyncio.Task[object]) -> bool:
        """Wait for a task or a stop signal; says whether the task came first, raises its error."""
        stopping = self._tasks.start(self._stop.requested.wait(), name="stop-requested")
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if task.done():
            task.result()
            return True
        return False

    async def _give_up(self, starting: asyncio.Task[Serving]) -> ExitCode:
        """End the start; parts that are there already end with it."""
        told = {"reason": self._stop.reason}
        logger.info("stopping while starting", extra={"action": "stopping", **told})
        await cancel_and_wait(starting)
        self._close_pool()
        if self._tree is not None:
            await self._tree.aclose()
        logger.info("stopped", extra={"action": "stopped", **told})
        return ExitCode.OK

    # -- starting --------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack) -> Serving:
        resolved = resolve(self._plan.layers)
        directories = self._directories(resolved, stack)
        tree = self._tree = Supervisor(TREE, write=write_tree_report)
        stack.push_async_callback(self._close_api)
        stack.push_async_callback(tree.aclose)
        stack.callback(self._close_pool)
        await tree.start()
        await add_child(tree, loop_watch_child(self._loop_watch(resolved)))
        if self._service.wanted:
            await add_child(tree, service_child(self._service))
        base = self._base = Base(resolved.settings, directories, self._reaper, self._sink)
        for spec in base_children(base, spare_jobs=not self._plan.dev):
            await add_child(tree, spec)
        keeper = self._keeper = self._make_keeper(resolved, directories)
        pool = resolved.settings.pool
        await add_child(
            tree,
            template_child(
                keeper,
                template_timeout=pool.template_timeout,
                restart_max_delay=pool.restart_max_delay,
            ),
        )
        assert keeper.app is not None
        models = self._models = ModelsSeat(
            tree,
            partial(self._make_model_host, resolved, directories, base),
            models_timeout=pool.models_timeout,
            restart_max_delay=pool.restart_max_delay,
        )
        await models.settle(keeper.app)
        parts = self._parts = self._make_parts(keeper.app, base, keeper, tree)
        keeper.attach(base.pool)
        keeper.on_reloaded = self._service.note_reloaded
        keeper.on_swap = lambda: base.desk.running.swaps.swap_all(self._why_reloaded)
        reload = partial(self._take_new_code, keeper, tree) if self._plan.reload else None
        watcher = partial(tree.terminate, WATCHER), partial(tree.restart, WATCHER)
        draining = Draining(
            parts, self._stop, dev=self._plan.dev, watcher=watcher if reload else None
        )
        controls = DaemonControls(parts, draining, drain=self.drain, reload=self.reload)
        self._service.attach(controls)
        # In this order: what is shown of the drain is what is told of it.
        draining.on_change = partial(_call_all, controls.note_change, self._service.note_drain)
        for spec in part_children(parts, controls, reload=reload):
            await add_child(tree, spec)
        return parts, draining

    def _close_pool(self) -> None:
        """Before the template ends: a child that it still owes us is no failure then."""
        if self._base is not None:
            self._base.pool.close_to_jobs("the daemon is stopping")

    async def _close_api(self) -> None:
        if self._parts is not None:
            await self._parts.api.aclose()

    def _directories(self, resolved: Resolved, stack: AsyncExitStack) -> Directories:
        directories = choose_directories(
            resolved, environment(), me=this_process(), dev=self._plan.dev
        )
        stack.callback(discard, directories)
        prepare_directories(directories)
        stack.enter_context(state_lock(directories.state.path))
        return directories

    def _loop_watch(self, resolved: Resolved) -> LoopWatch:
        period = self._manager.watchdog_period
        watchdog = Watchdog(period, self._service.feed_watchdog) if period is not None else None
        return LoopWatch(resolved.settings.jobs.blocked_warning, watchdog)

    def _make_keeper(self, resolved: Resolved, directories: Directories) -> TemplateKeeper:
        settings = resolved.settings
        spec = TemplateSpec(
            app=self._plan.app,
            socket=str(directories.socket_path),
            environment=child_environment(
                settings, dev=self._plan.dev, model_host=directories.models_path
            ),
            timeout=settings.pool.template_timeout,
            log_level=settings.log.log_level,
            verbose=self._plan.verbose,
        )
        return TemplateKeeper(
            spec,
            self._reaper,
            self._sink,
            start_method=settings.pool.start_method,
            spare=self._plan.reload,
        )

    def _make_model_host(
        self, resolved: Resolved, directories: Directories, base: Base, models: list[ModelRef]
    ) -> ModelHost:
        ref, settings = self._plan.app, resolved.settings
        args = HostArgs(
            socket=str(directories.models_path),
            models=models,
            folder=str(Path(ref.target).parent) if ref.is_file else "",
            log_level=settings.log.log_level,
        )
        spec = ModelHostSpec(
            args=args,
            environment=child_environment(settings, dev=self._plan.dev),
            timeout=settings.pool.models_timeout,
        )
        return ModelHost(
            spec,
            self._reaper,
            self._sink,
            has_jobs=lambda: not self._plan.dev and base.desk.job_count > 0,
        )

    def _make_parts(
        self, app: AppInfo, base: Base, keeper: TemplateKeeper, tree: Supervisor
    ) -> Parts:
        resolved = self._with_app(app)
        settings = resolved.settings
        require_access(resolved)
        require_http_access(resolved)
        write_log(settings.log, dev=self._plan.dev)  # the app may have its own wishes
        parts = Parts(resolved, app, base=base, keeper=keeper, tree=tree)
        parts.http_sockets = self._sockets
        keeper.on_app = lambda app: self._note_app(parts, app)
        return parts

    def _with_app(self, app: AppInfo) -> Resolved:
        for note in app.notes:
            logger.warning(note, extra={"action": "app_note"})
        own = app.dev_settings if self._plan.dev else app.settings
        resolved = resolve([*self._plan.layers, app_layer(own, agent_name=app.agent_name)])
        keep_secret(resolved)
        return resolved

    def _note_app(self, parts: Parts, app: AppInfo) -> None:
        try:
            resolved = self._with_app(app)
        except SettingsError as error:
            logger.warning(
                "the app's settings can't be used: the ones before stay",
                extra={"action": "app_settings_refused", "reason": str(error)},
            )
            return
        parts.note_app(app, resolved)
        if self._models is not None:
            self._models.note_reload(app, self._tasks)

    # -- stopping --------------------------------------------------------------------

    def _end_at_once(self) -> None:
        """A second signal: no more waiting for anything."""
        logger.warning("ended at once by a second signal", extra={"action": "forced"})
        if self._base is not None:
            self._base.pool.kill("ended at once by a second signal")
        if self._keeper is not None:
            self._keeper.kill()
        if self._models is not None:
            self._models.kill()
        logging.shutdown()
        os._exit(ExitCode.FORCED)


def _call_all(*callbacks: Callable[[], None]) -> None:
    for callback in callbacks:
        callback()
