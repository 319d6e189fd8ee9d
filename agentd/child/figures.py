"""FiguresLine: what is counted in this child, on its way to the supervisor.

At low priority and a batch at a time, so that no job waits for it: at most one frame a second, one
more at the end. What finds no room stays here and goes with the next.
"""

from __future__ import annotations

import asyncio

from agentd.figures import Tally
from agentd.protocol.frames import Counted

from .supervisor_line import SupervisorLine

PAUSE = 1.0
"""Seconds that figures are gathered before they are sent."""


class FiguresLine:
    """Sends what a tally has. `start` once, on the child's loop."""

    def __init__(self, line: SupervisorLine, tally: Tally) -> None:
        self._line = line
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._dropped = 0
        self._sending: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on it is sent; not what the template had counted before it was forked."""
        self._tally.take()
        self._tally.on_first = self._send_soon

    def stop(self) -> None:
        """Send no more, but what is there now."""
        self._tally.on_first = _nothing
        self.send()

    def send(self) -> None:
        """Send what there is, now: at the end, or as there is another supervisor."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        if not self._line.connected:
            return  # it is kept for the next supervisor
        taken = self._tally.take()
        if not taken:
            return
        sent = self._line.offer(
            Counted(
                counts=taken.counts,
                spreads=taken.spreads,
                turns=self._tally.turns,
                latency=dict(self._tally.latency),
                dropped=self._dropped,
            )
        )
        if sent:
            self._dropped = 0
        else:
            self._dropped += 1
            self._tally.put_back(taken)  # which has it sent anew, after a pause

    def _send_soon(self) -> None:
        """May be called in any thread."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        if self._sending is None:
            self._sending = self._loop.call_later(PAUSE, self.send)


def _nothing() -> None:
    return
