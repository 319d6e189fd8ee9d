"""Signals become requests on the event loop; nothing is done in a handler, nothing is raised."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequests:
    """The first SIGTERM or SIGINT asks for a stop, the second for an end at once."""

    def __init__(self, at_once: Callable[[], None]) -> None:
        self._at_once = at_once
        self.requested = asyncio.Event()
        self.reason = ""

    def install(self) -> None:
        """Listen from now on; needs the running loop of the main thread."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle, number)

    def uninstall(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    def handle(self, number: signal.Signals) -> None:
        """A stop signal has come."""
        if self.requested.is_set():
            self._at_once()
            return
        self.reason = number.name
        self.requested.set()
