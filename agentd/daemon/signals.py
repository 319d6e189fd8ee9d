"""Signals become requests on the event loop; nothing is done in a handler, nothing is raised."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequests:
    """The first SIGTERM or SIGINT asks for a stop, the second for an end at once.

    SIGHUP asks for a reload, unless it says that our terminal was closed: then for a stop.
    """

    def __init__(self, at_once: Callable[[], None], reload: Callable[[], None]) -> None:
        self._at_once = at_once
        self._reload = reload
        self._signalled = False
        self._has_terminal = False
        self.requested = asyncio.Event()
        self.taken_back = asyncio.Event()
        """Set by `take_back`; whoever has acted on a request clears it."""
        self.reason = ""
        self.final = False
        """Whether a signal has asked: whoever sent it waits for our end."""

    def install(self) -> None:
        """Listen from now on; needs the running loop of the main thread."""
        self._has_terminal = terminal_is_there()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle, number)
        loop.add_signal_handler(signal.SIGHUP, self.handle_hangup)

    def uninstall(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (*STOP_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)

    def request(self, reason: str) -> None:
        """Ask for a stop; the first reason stays. A signal after it still is the first one."""
        self.reason = self.reason or reason
        self.requested.set()

    def take_back(self) -> bool:
        """Undo `request`; False where nothing was asked for, or a signal has asked."""
        if self.final or not self.requested.is_set():
            return False
        self.reason = ""
        self.requested.clear()
        self.taken_back.set()
        return True

    def handle(self, number: signal.Signals) -> None:
        """A stop signal has come."""
        if self._signalled:
            self._at_once()
            return
        self._signalled = True
        self._request_for_good(number.name)

    def handle_hangup(self) -> None:
        """SIGHUP has come: from an operator, or from the kernel as the terminal was closed."""
        if self._has_terminal and not terminal_is_there():
            self._request_for_good("the terminal was closed")
        else:
            self._reload()

    def _request_for_good(self, reason: str) -> None:
        self.final = True
        self.request(reason)


def terminal_is_there() -> bool:
    """Whether this process has a terminal that controls it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
