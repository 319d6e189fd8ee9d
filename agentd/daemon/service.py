"""Keeps systemd informed of a daemon's start, work, reloads and end.

`systemctl status` shows the line; while the daemon starts or drains, systemd is asked again and
again for more time: how long a drain may take is the daemon's setting, and a loop that is blocked
asks for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agentd.aio.timing import wait_event
from agentd.management.controls import Controls
from agentd.management.views import DrainView, StatusView
from agentd.supervision.view import TreeView

from .systemd import ServiceManager
from .vitals import find_lifeless

logger = logging.getLogger("agentd.daemon")

PACE = 1.0
"""Seconds between two lines of status, at least."""

EXTEND_EVERY = 10.0
"""Seconds after which more time is asked for."""

EXTENSION = 30.0
"""Seconds that are asked for: three times as long, for a machine that is busy."""


class Service:
    """The daemon as systemd sees it."""

    def __init__(self, manager: ServiceManager, tree: Callable[[], TreeView | None]) -> None:
        self._manager = manager
        self._tree = tree
        self._controls: Controls | None = None
        self._changed = asyncio.Event()
        self._ready = False
        self._reloading = False
        self._owes_ready = False
        """It could not be told; without it a start or reload never ends."""
        self._told = ""
        self._ill = ""

    @property
    def wanted(self) -> bool:
        """Whether there is a systemd to inform."""
        return self._manager.listens

    # -- what happens to the daemon --------------------------------------------------

    def attach(self, controls: Controls) -> None:
        """From now on there is something to tell of."""
        self._controls = controls
        if self.wanted:
            controls.subscribe(self._changed.set)

    def note_ready(self) -> None:
        """Jobs can come."""
        self._ready = True
        self._say_ready(self._look())

    def note_reloading(self) -> None:
        """The app is imported anew."""
        # While starting that is part of the start, and no state of its own.
        status = self._look()
        if self._ready and not _stops(status):
            self._reloading = True
            self._told = self._text(status)
            self._manager.reloading(self._told)

    def note_reloaded(self) -> None:
        """That has come to its end, well or not."""
        if self._reloading:
            self._reloading = False
            self._say_ready(self._look())

    def feed_watchdog(self) -> None:
        """Say that we are well, if we are; called by the loop's own heartbeat."""
        ill = find_lifeless(self._tree())
        if not ill:
            self._manager.feed_watchdog()
        elif not self._ill:
            logger.error(
                "a part that no call can do without is not at work: systemd's watchdog is not fed",
                extra={
                    "action": "watchdog_not_fed",
                    "reason": ill,
                    "next": "systemd ends this process and starts another, which adopts the calls",
                },
            )
        self._ill = ill

    # -- telling ---------------------------------------------------------------------

    async def run(self) -> None:
        """Tell until cancelled; may be begun anew."""
        while True:
            self._changed.clear()
            status = self._look()
            self._tell(status)
            await asyncio.sleep(PACE)
            if self._owes_ready:
                continue
            if self._needs_time(status):
                await wait_event(self._changed, EXTEND_EVERY - PACE)
            else:
                await self._changed.wait()

    def note_drain(self) -> None:
        """A drain begins, or was taken back: said at once, since systemd counts from here."""
        if self.wanted:
            self._tell(self._look())

    def _tell(self, status: StatusView | None) -> None:
        text = self._text(status)
        if _stops(status):
            self._manager.stopping(text, within=EXTENSION)
        elif self._needs_time(status):
            self._manager.extend(text, within=EXTENSION)
        elif self._owes_ready:
            self._say_ready(status)
        elif text != self._told:
            self._manager.status(text)
        self._told = text

    def _say_ready(self, status: StatusView | None) -> None:
        self._told = self._text(status)
        self._owes_ready = not self._manager.ready(self._told)
        self._changed.set()

    def _needs_time(self, status: StatusView | None) -> bool:
        return not self._ready or (status is not None and status.drain.draining)

    def _look(self) -> StatusView | None:
        return self._controls.status() if self._controls is not None else None

    def _text(self, status: StatusView | None) -> str:
        if status is None:
            return "starting: the app is imported"
        return describe(status, ready=self._ready, reloading=self._reloading)


def _stops(status: StatusView | None) -> bool:
    return status is not None and is_final(status.drain)


def is_final(drain: DrainView) -> bool:
    """Whether a drain ends in the daemon's end, whatever comes."""
    return drain.draining and (drain.final or drain.ending or not drain.jobs_left)


def describe(status: StatusView, *, ready: bool, reloading: bool = False) -> str:
    """The line of `systemctl status`."""
    if status.drain.draining:
        return _describe_drain(status.drain)
    if not ready:
        return f"starting: {_describe_start(status)}"
    said = [f"{_count(len(status.jobs), 'job')} in {status.pool.slots} slots"]
    said.append(f"{_count(status.pool.idle, 'warm child', 'warm children')}")
    said.append(status.link.phase)
    if reloading:
        said.append("the app is imported anew")
    said += [f"{problem.part}: {problem.message}" for problem in status.problems]
    return ", ".join(said)


def _describe_start(status: StatusView) -> str:
    if status.problems:
        return "; ".join(f"{problem.part}: {problem.message}" for problem in status.problems)
    if not status.pool.idle:
        return "waiting for a warm child"
    return f"LiveKit: {status.link.error or status.link.phase}"


def _describe_drain(drain: DrainView) -> str:
    jobs = _count(drain.jobs_left, "job")
    why = f" ({drain.reason})" if drain.reason else ""
    if not drain.jobs_left:
        return f"draining{why}: all jobs have ended"
    if drain.ending:
        return f"draining{why}: ending {jobs}"
    left = "" if drain.seconds_left is None else f", for {drain.seconds_left:.0f} s at most"
    return f"draining{why}: {jobs} left{left}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
