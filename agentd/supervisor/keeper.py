"""Keeps the template alive and changes it for one with new code.

The template is a permanent child in OTP's sense: whenever it dies it is started again,
after a backoff that lasting health resets. Its death costs no job; until the next one is
ready no child can be started. A reload starts the new template beside the old one, which
goes on serving until the new one is ready, and for good if it never is.
"""

from __future__ import annotations

import asyncio
import logging

from agentd.aio.tasks import TaskOwner, cancel_and_wait
from agentd.aio.timing import now, wait_event
from agentd.errors import AgentdError, AppImportFailed, TemplateError
from agentd.logs.record import EXCEPTION
from agentd.protocol.frames import TemplateReady
from agentd.settings.model import StartMethod
from agentd.supervision.backoff import Backoff

from .linux import fork_works
from .output import RecordSink
from .pool import Pool
from .process import Reaper
from .snapshot import TemplateView
from .template import SpawnLauncher, Template, TemplateSpec

logger = logging.getLogger("agentd.supervisor")

BACKOFF_BASE = 0.2
HEALTHY_AFTER = 10.0
"""Seconds of life after which earlier deaths of the template are forgotten."""


class TemplateKeeper:
    """One template at a time, and two during a reload. `start`, `attach`, then `run`."""

    def __init__(
        self,
        spec: TemplateSpec,
        reaper: Reaper,
        sink: RecordSink,
        *,
        start_method: StartMethod,
        restart_max_delay: float,
        spare: bool = False,
    ) -> None:
        """`spare`: keep a second process waiting with all but the app imported, for reloads."""
        self._spec = spec
        self._reaper = reaper
        self._sink = sink
        self._start_method = start_method
        self._backoff = Backoff(base=BACKOFF_BASE, cap=restart_max_delay)
        self._keep_spare = spare
        self._spare: Template | None = None
        self._coming: Template | None = None  # imports the app; not in service yet
        self._template: Template | None = None
        self._pool: Pool | None = None
        self._generation = 0
        self._last_error = ""
        self._reload = asyncio.Event()
        self._retired = TaskOwner("retired-templates")

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

    # -- life ------------------------------------------------------------------------

    async def start(self) -> TemplateReady:
        """Start the first template; raises what is wrong with the app."""
        template = self._template = self._new_template()
        ready = await template.start()
        if self._why_no_fork(ready):
            raise TemplateError(self._why_no_fork(ready))
        self._generation = 1
        self._note_ready(ready, template)
        return ready

    def attach(self, pool: Pool, ready: TemplateReady) -> None:
        """Have this pool's children come from the template."""
        self._pool = pool
        self._serve(ready)

    async def run(self) -> None:
        """Restart the template when it dies and reload it when asked, until cancelled."""
        try:
            while True:
                self._prepare_spare()
                await self._next_turn()
        finally:
            await self._retired.aclose()

    def reload(self) -> None:
        """Have the app imported anew, for the jobs to come; `run` sees to it."""
        self._reload.set()

    async def aclose(self) -> None:
        """End the template; children that it forked are not its own."""
        for template in self._templates():
            await template.stop()

    def kill(self) -> None:
        """End the template at once."""
        for template in self._templates():
            template.kill()

    def _templates(self) -> list[Template]:
        known = (self._template, self._spare, self._coming)
        return [template for template in known if template is not None]

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
            await self._replace_dead(template, why)
        else:
            self._reload.clear()
            await self._swap(template)

    async def _replace_dead(self, dead: Template, why: str) -> None:
        self._last_error = f"the template {why}"
        if self._pool is not None:
            self._pool.use_launcher(None, "none")
        await dead.stop()
        while True:
            delay = self._backoff.next_delay()
            logger.error(
                "template died; it is started again",
                extra={
                    "action": "template_died",
                    "supervisor": "keeper",
                    "context": "child_terminated",
                    "reason": self._last_error,
                    "offender": "template",
                    "next_start_in": round(delay, 3),
                },
            )
            # A reload asked meanwhile is served by this start, and need not wait.
            await wait_event(self._reload, delay)
            self._reload.clear()
            try:
                await self._bring_up()
            except AgentdError as error:
                self._tell_failure(error)
            else:
                return

    async def _swap(self, old: Template) -> None:
        try:
            await self._bring_up()
        except AgentdError as error:
            self._tell_failure(error)
            logger.warning(
                "the old code goes on serving until the app can be imported again",
                extra={"action": "reload_failed", "generation": self._generation},
            )
            return
        self._retired.start(old.stop(), name=f"stop-{old.pid}")

    async def _bring_up(self) -> None:
        started_at = now()
        template = self._coming = self._new_template()
        try:
            ready = await template.start()
        finally:
            self._coming = None
        if self._why_no_fork(ready):
            await template.stop()
            raise TemplateError(self._why_no_fork(ready))
        self._template = template
        self._generation += 1
        self._note_ready(ready, template)
        self._serve(ready)
        logger.info(
            "new jobs run the new code",
            extra={
                "action": "reloaded",
                "generation": self._generation,
                "seconds": round(now() - started_at, 3),
            },
        )

    # -- inside ----------------------------------------------------------------------

    def _new_template(self) -> Template:
        spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            return spare
        if spare is not None:
            self._retired.start(spare.stop(), name=f"stop-{spare.pid}")
        return Template(self._spec, self._reaper, self._sink)

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

    def _note_ready(self, ready: TemplateReady, template: Template) -> None:
        self._last_error = ""
        loop = asyncio.get_running_loop()
        loop.call_later(HEALTHY_AFTER, self._forget_deaths, template)
        logger.info(
            "app imported",
            extra={
                "action": "template_ready",
                "app": str(self._spec.app),
                "template_pid": ready.pid,
                "seconds": round(ready.import_seconds, 3),
            },
        )

    def _forget_deaths(self, template: Template) -> None:
        if template is self._template and template.alive:
            self._backoff.reset()

    def _serve(self, ready: TemplateReady) -> None:
        if self._pool is None or self._template is None:
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

    def _tell_failure(self, error: AgentdError) -> None:
        self._last_error = str(error)
        logger.error(
            str(error),
            extra={
                "action": "app_failed",
                EXCEPTION: error.traceback if isinstance(error, AppImportFailed) else "",
            },
        )


def _obstacle(ready: TemplateReady) -> str:
    """What forbids forking children from a template; empty when nothing does."""
    if not fork_works():
        return "this platform has no pidfds"
    return "" if ready.can_fork else ready.why_not
