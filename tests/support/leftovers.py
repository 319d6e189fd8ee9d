"""Processes that a run of the tests has left behind."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable

import psutil

MARK = "PYTEST_RUN_ID"
"""Processes of a run carry it in their environment, also those whose parent has died."""

ENDING_TIMEOUT = 3.0
"""Seconds for processes that are ending anyway when the last test is over."""


def mark_this_run() -> None:
    """Have all processes carry the mark that are started from now on."""
    os.environ[MARK] = uuid.uuid4().hex


def descendants() -> set[psutil.Process]:
    """Those of this process."""
    return set(psutil.Process().children(recursive=True))


def marked() -> set[psutil.Process]:
    """All that carry this run's mark, but this process."""
    return {process for process in psutil.process_iter() if is_marked(process)} - {psutil.Process()}


def end_all(processes: Iterable[psutil.Process]) -> list[str]:
    """Give processes a moment to end, then force them; what was forced."""
    living = [process for process in processes if not has_ended(process)]
    _, left = psutil.wait_procs(living, ENDING_TIMEOUT)
    told = [describe(process) for process in left]
    for process in left:
        kill(process)
    psutil.wait_procs(left, ENDING_TIMEOUT)
    return told


def is_marked(process: psutil.Process) -> bool:
    """Whether a process inherited this run's mark."""
    try:
        return process.environ().get(MARK) == os.environ[MARK]
    except (psutil.Error, OSError):  # it is somebody else's, or just ended
        return False


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of a process is left but its exit status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def describe(process: psutil.Process) -> str:
    """What a process is, for whoever looks for the test that started it."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)


def kill(process: psutil.Process) -> None:
    """End a process that should not be there; it may just have ended by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
