"""The template as a child of the daemon's tree, and its change for one with new code.

The tree restarts a template that died; its death costs no job, but until the next one is
ready no child can be started. A reload is the keeper's own business: the new template starts
beside the old one, which goes on serving until the new one is ready, and for good if it
never is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now
from agentd.errors import AgentdError, AppImportFailed, TemplateError
from agentd.logs.record import EXCEPTION
from agentd.protocol.app import AppInfo
from agentd.protocol.frames import TemplateReady
from agentd.settings.model import StartMethod
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded
from agentd.supervision.tasks import ready_task_child

from .linux import fork_works
from .output import RecordSink
from .pool import Pool
from .process import Reaper
from .snapshot import TemplateView
from .template import SpawnLauncher, Template, TemplateSpec

logger = logging.getLogger("agentd.supervisor")

HEALTHY_AFTER = 10.0
"""Seconds of life after which earlier deaths of the template are forgotten."""

STOP_MARGIN = 10.0
"""Seconds for the templates to end, side by side: each is asked, killed after a moment, and given
up where the kernel does not let it go."""


class _Reload(Struct, frozen=True):
    """One whose code no job has run yet."""

    began_at: float
    swap: bool


class TemplateKeeper:
    """One template at a time, and two during a reload. `run` is one life of it."""

    def __init__(
        self,
        spec: TemplateSpec,
        reaper: Reaper,
        sink: RecordSink,
        *,
        start_method: StartMethod,
        spare: bool = False,
    ) -> None:
        """`spare`: keep a second process waiting with all but the app imported, for reloads."""
        self._spec = spec
        self._reaper = reaper
        self._sink = sink
        self._start_method = start_method
        self._keep_spare = spare
        self._spare: Template | None = None
        self._coming: Template | None = None  # imports the app; not in service yet
        self._template: Template | None = None
        self._ready: TemplateReady | None = None
        self._pool: Pool | None = None
        self._generation = 0
        self._last_error = ""
        self._reload = asyncio.Event()
        self._swap_asked = False
        self._reloaded: _Reload | None = None
        self._retired = TaskOwner("retired-templates")
        self.on_app: Callable[[AppInfo], None] = _ignore
        """Told what the app says of itself each time that it was imported."""
        self.on_reloaded: Callable[[], None] = _nothing
        """Called when a reload has come to its end, well or not."""
        self.on_swap: Callable[[], None] = _nothing
        """Called when new jobs run new code and those that run are to go on with it too."""

    # -- views -----------------------------------------------------------------------

    def view(self) -> TemplateView:
        """The template at this moment."""
        template = self._template
        return TemplateView(
            alive=template is not None and template.alive,
            pid=template.pid if template is not None else None,
            generation=self._generation,
            last_error=self._last_error,
        )

    @property
    def app(self) -> AppInfo | None:
        """What the app says of itself; None before it was imported."""
        return self._ready.app if self._ready is not None else None

    @property
    def import_seconds(self) -> float:
        """How long the last import took, in the template."""
        return self._ready.import_seconds if self._ready is not None else 0.0

    # -- life ------------------------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Start a template, call `ready`, reload when asked; raises when it has died.

        Raises what is wrong with the app when it can't be started. No template is left.
        """
        try:
            await self._boot()
            ready()
            while True:
                self._prepare_spare()
                await self._next_turn()
        except AgentdError as error:
            self._last_error = str(error)
            raise
        finally:
            await self._end()

    def attach(self, pool: Pool) -> None:
        """Have this pool's children come from the template."""
        self._pool = pool
        pool.on_new_code = self._tell_reload
        self._serve()

    def reload(self, *, swap: bool = False) -> None:
        """Have the app imported anew, for the jobs to come; `run` sees to it.

        `swap`: for those that run, too; see `on_swap`.
        """
        self._swap_asked = self._swap_asked or swap
        self._reload.set()

    def set_log_level(self, level: str) -> None:
        """Have templates write this much, also those to come."""
        self._spec = replace(self._spec, log_level=level)
        for template in self._templates():
            template.set_log_level(level)

    def kill(self) -> None:
        """End every template at once."""
        for template in self._templates():
            template.kill()

    def _templates(self) -> list[Template]:
        known = (self._template, self._spare, self._coming)
        return [template for template in known if template is not None]

    async def _end(self) -> None:
        """End what is left; children that it forked are not its own."""
        if self._pool is not None:
            self._pool.use_launcher(None, "none")
        templates = self._templates()
        self._template = self._spare = self._coming = self._ready = None
        self._reloaded = None
        for template in templates:
            self._retire(template)
        try:
            await self._retired.wait()
        except asyncio.CancelledError:
            for template in templates:
                template.kill()
            raise

    async def _boot(self) -> None:
        """Start the first template of a life."""
        began_at = now()
        ready = await self._bring_up_newest()
        if self._swap_asked:  # while there was no template
            self._note_reload(began_at, swap=self._take_wish())
        self._serve()
        logger.info(
            "app imported",
            extra={
                "action": "template_ready",
                "app": str(self._spec.app),
                "template_pid": ready.pid,
                "generation": self._generation,
                "seconds": round(ready.import_seconds, 3),
            },
        )

    async def _bring_up_newest(self) -> TemplateReady:
        """Bring one up; again at once when it failed and the code was changed meanwhile."""
        while True:
            self._reload.clear()
            try:
                return await self._bring_up()
            except AgentdError as error:
                if not self._reload.is_set():
                    raise
                self._tell_failure(error, "the app failed; it was changed meanwhile: tried anew")

    async def _next_turn(self) -> None:
        template = self._template
        assert template is not None
        async with TaskOwner("template-keeper") as tasks:
            died = tasks.start(template.wait(), name="died")
            asked = tasks.start(self._reload.wait(), name="asked")
            await asyncio.wait({died, asked}, return_when=asyncio.FIRST_COMPLETED)
            why = died.result() if died.done() else ""
            await cancel_and_wait(died, asked)
        if why:
            raise TemplateError(f"the template {why}")
        self._reload.clear()
        await self._replace(template)

    async def _replace(self, old: Template) -> None:
        began_at, swap = now(), self._take_wish()
        try:
            await self._bring_up()
        except AgentdError as error:
            self._tell_failure(
                error, "the app could not be imported anew; the old code goes on serving"
            )
            return
        self._retire(old)
        self._note_reload(began_at, swap=swap)
        self._serve()

    def _take_wish(self) -> bool:
        """Whether jobs that run are to go on with the code that is imported now."""
        swap, self._swap_asked = self._swap_asked, False
        return swap

    def _note_reload(self, began_at: float, *, swap: bool) -> None:
        earlier = self._reloaded is not None and self._reloaded.swap
        self._reloaded = _Reload(began_at, swap or earlier)

    def _tell_reload(self) -> None:
        """New jobs run the code of the latest template."""
        reloaded, self._reloaded = self._reloaded, None
        if reloaded is None:
            return
        logger.info(
            "new jobs run the new code",
            extra={
                "action": "reloaded",
                "generation": self._generation,
                "seconds": round(now() - reloaded.began_at, 3),
            },
        )
        self.on_reloaded()
        if reloaded.swap:
            self.on_swap()

    async def _bring_up(self) -> TemplateReady:
        template = self._coming = self._new_template()
        try:
            ready = await template.start()
        except BaseException:
            template.kill()  # where being cancelled twice has cut its end short
            raise
        finally:
            self._coming = None
        if self._why_no_fork(ready):
            await template.stop()
            raise TemplateError(self._why_no_fork(ready))
        self._template, self._ready = template, ready
        self._generation += 1
        self._last_error = ""
        self.on_app(ready.app)
        return ready

    # -- inside ----------------------------------------------------------------------

    def _new_template(self) -> Template:
        spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            return spare
        if spare is not None:
            self._retire(spare)
        return Template(self._spec, self._reaper, self._sink)

    def _retire(self, template: Template) -> None:
        self._retired.start(template.stop(), name=f"stop-{template.pid}")

    def _prepare_spare(self) -> None:
        if self._keep_spare and self._spare is None:
            spare = Template(self._spec, self._reaper, self._sink)
            try:
                spare.spawn()
            except TemplateError as error:
                logger.warning(
                    "no spare template: the next reload takes longer",
                    extra={"action": "spare_failed", "reason": str(error)},
                )
                return
            self._spare = spare

    def _serve(self) -> None:
        ready = self._ready
        if self._pool is None or self._template is None or ready is None:
            return
        if self._start_method == "spawn":
            self._pool.use_launcher(SpawnLauncher(self._spec), "spawn")
        elif why := _obstacle(ready):
            self._stop_forking(self._template, why)
        else:
            template = self._template
            template.on_cannot_fork = lambda why: self._stop_forking(template, why)
            self._pool.use_launcher(template, "fork")

    def _stop_forking(self, template: Template, why: str) -> None:
        """Spawn from now on; where only forking is wanted, try with a fresh template."""
        if self._pool is None or template is not self._template:
            return
        if self._start_method == "fork":
            template.kill()
            return
        logger.warning(
            "children are spawned, which is slower: the template can't fork",
            extra={"action": "spawn_fallback", "reason": why},
        )
        self._pool.use_launcher(SpawnLauncher(self._spec), "spawn")

    def _why_no_fork(self, ready: TemplateReady) -> str:
        """Why the user's wish to fork can't be had; empty when it can, or is no wish."""
        if self._start_method != "fork" or not _obstacle(ready):
            return ""
        return f"start_method is 'fork', but {_obstacle(ready)}: set it to 'auto'"

    def _tell_failure(self, error: AgentdError, what: str) -> None:
        self._last_error = str(error)
        logger.error(
            what,
            extra={
                "action": "reload_failed",
                "reason": str(error),
                "generation": self._generation,
                EXCEPTION: error.traceback if isinstance(error, AppImportFailed) else "",
            },
        )
        self.on_reloaded()


def template_child(
    keeper: TemplateKeeper, *, template_timeout: float, restart_max_delay: float
) -> ChildSpec:
    """The spec of the template as a child: it is tried for ever, and costs nobody else anything.

    `template_timeout` seconds are for the import, `restart_max_delay` is the longest delay.
    """
    return ChildSpec(
        id="template",
        start=ready_task_child(keeper.run, name="template"),
        shutdown=STOP_MARGIN,
        # Its own deadline comes first and says more.
        start_timeout=template_timeout + STOP_MARGIN,
        backoff=BackoffSettings(cap=restart_max_delay),
        healthy_after=HEALTHY_AFTER,
        on_exceeded=OnExceeded.COOL_DOWN,
    )


def _obstacle(ready: TemplateReady) -> str:
    """What forbids forking children from a template; empty when nothing does."""
    if not fork_works():
        return "this platform has no pidfds"
    return "" if ready.can_fork else ready.why_not


def _ignore(_app: AppInfo) -> None:
    return


def _nothing() -> None:
    return
