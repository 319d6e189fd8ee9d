"""A process that can be asked for its stacks, in many conditions: `sick_process.py CONDITION`.

Like a child without frames: it answers STACKS_SIGNAL as a child does, prints `ready`, and
then does what its condition is.
"""

# ruff: noqa: T201 - what it prints is what its supervisor reads

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from types import FrameType

from agentd.protocol.app import (
    STACKS_END_LINE,
    STACKS_GENTLY_SIGNAL,
    STACKS_SIGNAL,
    STACKS_TASKS_LINE,
)


def write_tasks(_number: int, frame: FrameType | None) -> None:
    """What a child's Python handler writes."""
    assert frame is not None
    text = f"{STACKS_TASKS_LINE}\nTask job:\n  File x, in {frame.f_code.co_name}\n"
    os.write(2, f"{text}{STACKS_END_LINE}\n".encode())


def sleeps_in_python() -> None:
    """Blocked, but interruptible."""
    ready()
    threading.Event().wait()


def spins() -> None:
    """Burns a CPU."""
    ready()
    while True:
        pass


def runs_no_python() -> None:
    """Its Python handler does not come to run, until SIGUSR1: as after a long call into C."""
    faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True, chain=False)
    nobody = os.open(os.devnull, os.O_WRONLY)
    faulthandler.register(STACKS_GENTLY_SIGNAL, file=nobody, all_threads=False, chain=False)
    signal.signal(signal.SIGUSR1, write_tasks_and_more)
    ready()
    threading.Event().wait()


def write_tasks_and_more(number: int, frame: FrameType | None) -> None:
    """The part that is late, and then a line of its own."""
    write_tasks(number, frame)
    print("it is over", flush=True)


def chatters() -> None:
    """Prints all the time."""
    ready()
    while True:
        os.write(1, b"chatter\n")
        threading.Event().wait(0.01)


def ready() -> None:
    """Say that it begins."""
    print("ready", flush=True)


def main() -> None:
    """Be what the command line says."""
    signal.signal(STACKS_GENTLY_SIGNAL, write_tasks)
    signal.signal(STACKS_SIGNAL, write_tasks)
    faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True, chain=True)
    globals()[sys.argv[1]]()


if __name__ == "__main__":
    main()
