"""`agentd drain`: let the daemon's jobs end, and the daemon with them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import click
from rich.status import Status
from rich.text import Text

from agentd.daemon.exits import ExitCode
from agentd.errors import ControlRefused
from agentd.management.client import ControlClient
from agentd.management.locate import FoundDaemon, ProcessEnd
from agentd.management.views import DrainView

from .console import error_console, output_console
from .daemon import ask, daemon_options, the_daemon
from .exits import AskExit
from .shown_text import plural
from .status_table import drain_text

END_TIMEOUT = 30.0
"""Seconds for the daemon's process to end once its last job has."""

_EPILOG = """\
\b
Examples:
  agentd drain                        (waits, and says how it goes)
  agentd drain --no-wait
  agentd drain --reason "new release" && agentd start app.py

It is what SIGTERM does: no new jobs; those that run may go on for `drain_timeout`, then
each is shut down within its budgets; then the daemon ends. `agentd undrain` takes it back
as long as jobs are left. Ctrl+C ends only the watching.

\b
Exit codes: 0 drained, 4 a setting, 9 jobs outlasted `drain_timeout` and were ended,
10 the watching was broken off, 11 no daemon runs, 12 no answer, or ended with jobs left,
13 it was taken back.
"""


@click.command(epilog=_EPILOG)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end.")
@click.option("--reason", default="", help="For the log and for LiveKit.")
@daemon_options("runtime_dir")
@click.pass_context
def drain(context: click.Context, /, wait: bool, reason: str, **_: object) -> int:
    """Let running jobs end, take no new ones, then end the daemon."""
    found = the_daemon(context)
    if not wait:
        ask(found.path, lambda client: client.drain(reason))
        sys.stdout.write(f"the daemon (pid {found.pid}) drains\n")
        return ExitCode.OK
    progress = DrainProgress()
    with ProcessEnd(found.pid) as process:
        try:
            with progress:
                asyncio.run(_drain(found, reason, progress))
            if progress.taken_back:
                _tell("the drain was taken back; the daemon serves on", DrainView())
                return AskExit.REFUSED
            ended = process.wait(END_TIMEOUT)
        except KeyboardInterrupt:
            _tell("stopped watching; the daemon goes on draining", progress.last)
            return ExitCode.FORCED
    return _conclude(found, progress, ended=ended)


async def _drain(found: FoundDaemon, reason: str, progress: DrainProgress) -> None:
    async with ControlClient(found.path) as client:
        try:
            # Watched first: a daemon without jobs is gone at once.
            async with client.watch_drain() as views:
                await client.drain(reason)
                await _follow(views, progress)
        except ControlRefused as error:
            if error.code != "busy":
                raise
            await client.drain(reason)
            message = f"the daemon drains, but it can't be watched: {error}"
            raise ControlRefused(message, code=error.code) from error


async def _follow(views: AsyncIterator[DrainView], progress: DrainProgress) -> None:
    async for view in views:
        progress.show(view)
        if progress.taken_back:
            return


class DrainProgress:
    """How a drain goes: one moving line on a terminal, else a line for each change."""

    def __init__(self) -> None:
        self._console = output_console()
        self._status: Status | None = None
        self.last = DrainView()
        self.overran = False
        """Whether jobs had to be ended."""
        self.taken_back = False
        """Whether it was under way, and is no more."""

    def __enter__(self) -> DrainProgress:
        if self._console.is_terminal:
            self._status = self._console.status(Text("asking the daemon to drain"))
            self._status.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, view: DrainView) -> None:
        """The drain has come this far."""
        before, self.last = self.last, view
        self.overran = self.overran or (view.ending and view.jobs_left > 0)
        self.taken_back = before.draining and not view.draining
        if not view.draining:
            return
        if self._status is not None:
            self._status.update(Text(drain_text(view)))
        elif (view.jobs_left, view.ending, True) != (
            before.jobs_left,
            before.ending,
            before.draining,
        ):
            self._console.print(drain_text(view), markup=False, highlight=False, soft_wrap=True)


def _conclude(found: FoundDaemon, progress: DrainProgress, *, ended: bool) -> int:
    left = progress.last.jobs_left
    if left:
        _tell(f"the daemon ended with {plural(left, 'job')} left", DrainView())
        return AskExit.UNHEALTHY
    daemon = "the daemon has ended" if ended else f"the daemon (pid {found.pid}) still ends"
    jobs = "jobs outlasted the drain timeout and were ended" if progress.overran else "drained"
    sys.stdout.write(f"{jobs}; {daemon}\n")
    return ExitCode.DRAIN_TIMEOUT if progress.overran else ExitCode.OK


def _tell(text: str, view: DrainView) -> None:
    left = f": {drain_text(view)}" if view.draining else ""
    error_console().print(f"{text}{left}", markup=False, highlight=False, soft_wrap=True)
