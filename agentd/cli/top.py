"""`agentd top`: the running daemon, as it changes."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable

import click
from rich.console import Console, RenderableType
from rich.live import Live

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, wait_event, wall_time
from agentd.daemon.exits import ExitCode
from agentd.errors import AgentdError
from agentd.management.client import ControlClient
from agentd.management.locate import FoundDaemon, find_daemon
from agentd.management.views import FeedEntry, FeedHello, StatusView

from .console import output_console
from .daemon import ask, daemon_options, given_places
from .keys import pressed_keys
from .top_frame import frame
from .top_state import TopState

CLOCK_INTERVAL = 1.0
"""Seconds after which ages are drawn anew though nothing was heard."""

CALM_INTERVAL = 0.1
"""Seconds between two frames at least: a burst is drawn once."""

DELAYS = (0.2, 0.5, 1.0, 2.0)
"""Seconds before the daemon is looked for again, the last for ever; by chance down to half."""

_EPILOG = """\
\b
Examples:
  agentd top
  agentd top --once
  watch -n 5 agentd top --once
  agentd top --runtime-dir /run/agentd

What it shows comes as it happens; nothing is polled. When the daemon goes away that is
said, and it is watched again once it is back. q or Ctrl+C ends it. Where output is no terminal one
frame is printed, as with --once.

\b
Exit codes: 0 well, 4 a setting, 11 no daemon runs, 12 no answer.
"""


@click.command(epilog=_EPILOG)
@click.option("--once", is_flag=True, help="Print one frame and end.")
@daemon_options("runtime_dir")
@click.pass_context
def top(context: click.Context, /, once: bool, **_: object) -> int:
    """Watch the running daemon: slots, jobs with their latencies, breakers, events."""
    runtime = given_places(context).runtime
    found = find_daemon(runtime)
    console = output_console()
    if once or not console.is_terminal:
        _print_once(found, console)
        return ExitCode.OK
    try:
        asyncio.run(Watcher(console, lambda: find_daemon(runtime)).run())
    except KeyboardInterrupt:
        pass  # the other way to end it
    return ExitCode.OK


def _print_once(found: FoundDaemon, console: Console) -> None:
    status = ask(found.path, lambda client: client.status())
    state = TopState()
    state.take_status(status, 0.0)
    console.print(frame(state, width=console.width, height=None, at=0.0))


class Watcher:
    """Draws what a daemon tells, until a key ends it."""

    def __init__(self, console: Console, find: Callable[[], FoundDaemon]) -> None:
        self._console = console
        self._find = find
        self._state = TopState()
        self._news = asyncio.Event()
        self._ended = False
        self._boot = ""
        self._last_id = ""

    async def run(self) -> None:
        """Until q is pressed."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._news.set)
        screen = Live(console=self._console, screen=True, auto_refresh=False)
        async with TaskOwner("top") as owner:
            owner.start(self._listen(), name="listen")
            with pressed_keys(self._take_key), screen:
                while not self._ended:
                    self._news.clear()
                    screen.update(self._frame(), refresh=True)
                    await wait_event(self._news, CLOCK_INTERVAL)
                    await asyncio.sleep(CALM_INTERVAL)  # a burst is drawn once

    def _frame(self) -> RenderableType:
        width, height = self._console.size
        return frame(self._state, width=width, height=height, at=now())

    def _take_key(self, key: str) -> None:
        if key in ("q", "Q", "\x04"):
            self._ended = True
            self._news.set()

    # -- the daemon ------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Take in what it tells; whenever it goes, look for it again."""
        failures = 0
        while True:
            try:
                # It connects once, to see who listens.
                found = await asyncio.to_thread(self._find)
                client = ControlClient(found.path)
                async with client, client.watch_feed(self._last_id) as told:
                    async for one in told:
                        failures = 0
                        self._take(one)
                why = "it closed the connection"
            except AgentdError as error:
                why = str(error)
            self._state.lose(why, now())
            self._news.set()
            delay = DELAYS[min(failures, len(DELAYS) - 1)]
            failures += 1
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    def _take(self, told: FeedHello | StatusView | FeedEntry) -> None:
        match told:
            case FeedHello():
                if self._boot not in ("", told.boot):
                    self._note("the daemon was restarted")
                if told.missed:
                    self._note("some events before this were missed")
                self._boot = told.boot
            case StatusView():
                self._state.take_status(told, now())
            case FeedEntry():
                self._last_id = told.id
                self._state.take_event(told)
        self._news.set()

    def _note(self, text: str) -> None:
        """A line of our own between those of the daemon."""
        self._state.take_event(FeedEntry(id="", time=wall_time(), kind="top", text=text))
