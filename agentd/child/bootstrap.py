"""Makes a bare process, forked or spawned, into a child."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from typing import NoReturn

import uvloop

from .stacks import answer_stacks_signal
from .stdio import take_over_stdio


def settle_process() -> None:
    """Signals, standard streams and random numbers of a process that was just made."""
    ignore_terminal_signals()
    take_over_stdio()
    faulthandler.enable(file=sys.stderr.fileno())
    answer_stacks_signal()
    _reseed_numpy()


def ignore_terminal_signals() -> None:
    """SIGINT is the supervisor's to interpret; a handler, since SIG_IGN would be inherited.

    A program that the user's code starts must find the default dispositions, and handlers
    are reset by exec while "ignored" is not.
    """
    signal.signal(signal.SIGINT, _do_nothing)


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop of a child."""
    return uvloop.new_event_loop()


def _do_nothing(_number: int, _frame: object) -> None:
    return


def _reseed_numpy() -> None:
    """Python reseeds `random` in a forked process, numpy's global generator it does not know."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(int.from_bytes(os.urandom(4), "big"))


def exit_at_once() -> NoReturn:
    """End the process as a crash would, but with what was printed.

    No code of the user's may run any more: what it does when it is cancelled (close a session,
    delete a room) is for the end of a job, and the job goes on elsewhere.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
