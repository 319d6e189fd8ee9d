"""Reports when the supervisor's own event loop is blocked, and feeds systemd's watchdog from it.

The loop renews a promise twice a second; a thread looks whether it did. The thread only
reports: what feeds the watchdog is the loop itself, so that a blocked one is not fed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable

from msgspec import Struct

from agentd.aio.timing import monotonic
from agentd.figures import count, observe
from agentd.figures.families import LOOP_BLOCKED, LOOP_LAG
from agentd.logs.record import EXCEPTION

logger = logging.getLogger("agentd.daemon")

BEAT = 0.5
"""Seconds between two renewals, at most."""

JOIN_TIMEOUT = 1.0


class Watchdog(Struct, frozen=True):
    """Somebody who wants to hear from the loop."""

    period: float
    """Seconds within which it must be fed; it is fed twice in that time."""
    feed: Callable[[], None]


class LoopWatch:
    """Watches the loop that `run` runs on."""

    def __init__(self, limit: float, watchdog: Watchdog | None = None) -> None:
        """`limit`: seconds without a renewal that are reported; 0 reports nothing."""
        self._limit = limit
        self._watchdog = watchdog
        self._thread_id = 0
        self._renewed_at = 0.0
        self._told_of = 0.0
        """The renewal after which none came, and which was reported."""
        self._closing = threading.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._closing.clear()
        self._thread_id = threading.get_ident()
        self._renewed_at = monotonic()
        watcher = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        if self._limit:
            watcher.start()
        try:
            await self._beat()
        finally:
            self._closing.set()
            if self._limit:
                watcher.join(JOIN_TIMEOUT)

    async def _beat(self) -> None:
        beat = _beat_for(self._limit, self._watchdog)
        fed_at = 0.0
        while True:
            self._renew()
            dog = self._watchdog
            # Half a beat early rather than half a beat late.
            if dog is not None and self._renewed_at - fed_at >= dog.period / 2 - beat / 2:
                fed_at = self._renewed_at
                dog.feed()
            due_at = monotonic() + beat
            await asyncio.sleep(beat)
            observe(LOOP_LAG, monotonic() - due_at)

    def _renew(self) -> None:
        before, self._renewed_at = self._renewed_at, monotonic()
        if self._told_of == before:
            logger.warning(
                "the supervisor's event loop goes on",
                extra={
                    "action": "loop_unblocked",
                    "seconds": round(self._renewed_at - before, 3),
                },
            )

    # -- in the thread ---------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            renewed_at = self._renewed_at
            due_at = renewed_at + self._limit
            if self._closing.wait(max(0.0, due_at - monotonic())):
                return
            if self._renewed_at != renewed_at:
                continue
            if monotonic() - due_at > BEAT and self._closing.wait(BEAT):
                return  # this thread was held up too: the process was stopped, or starved
            if self._renewed_at != renewed_at:
                continue
            self._tell(renewed_at)
            while self._renewed_at == renewed_at:
                if self._closing.wait(self._limit):
                    return

    def _tell(self, renewed_at: float) -> None:
        # Documented, for all its name: the only way to see another thread's stack.
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        self._told_of = renewed_at
        count(LOOP_BLOCKED)
        logger.error(
            "the supervisor's event loop is blocked: jobs run on, but offers and ends of jobs wait",
            extra={
                "action": "loop_blocked",
                "seconds": round(monotonic() - renewed_at, 3),
                EXCEPTION: stack,
            },
        )


def _beat_for(limit: float, watchdog: Watchdog | None) -> float:
    """Short enough for the limit and for the watchdog."""
    wishes = [BEAT]
    if limit:
        wishes.append(limit / 2)
    if watchdog is not None:
        wishes.append(watchdog.period / 4)
    return min(wishes)
