"""Forks a process that becomes the supervisor's child, not ours."""

from __future__ import annotations

import os
import threading
from pathlib import Path

PID_BYTES = 8


def fork_orphan() -> int | None:
    """Fork twice, so that the new process is re-parented to the subreaper above us.

    Returns its pid here and None in the new process. Raises OSError when no process could
    be made. The one in between lives for a moment only and is waited for here, so by the
    time this returns the new process has its new parent.
    """
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        if _fork_and_report(writing) is None:
            os.close(reading)
            os.close(writing)
            return None
        os._exit(0)
    os.close(writing)
    try:
        report = os.read(reading, PID_BYTES)
    finally:
        os.close(reading)
        os.waitpid(middle, 0)
    if len(report) < PID_BYTES:
        raise OSError("the second fork failed: is a limit on processes or memory reached?")
    return int.from_bytes(report, "big")


def _fork_and_report(writing: int) -> int | None:
    """In the process in between: fork, and write the pid; None in the new process."""
    try:
        pid = os.fork()
    except OSError:
        os._exit(1)
    if pid == 0:
        return None
    os.write(writing, pid.to_bytes(PID_BYTES, "big"))
    return pid


def threads() -> list[str]:
    """Names of this process's threads but the main one; with any, it must not fork.

    A fork copies the calling thread alone: a lock that another one holds at that moment
    stays locked for ever in the child.
    """
    tasks = Path("/proc/self/task")
    main = str(os.getpid())
    python_names = {str(thread.native_id): thread.name for thread in threading.enumerate()}
    others = sorted(entry.name for entry in tasks.iterdir() if entry.name != main)
    return [python_names.get(tid) or _comm(tasks / tid) for tid in others]


def _comm(task: Path) -> str:
    try:
        return (task / "comm").read_text().strip()
    except OSError:  # it has ended meanwhile
        return "a thread that has ended"
