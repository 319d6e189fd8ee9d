"""The only place that starts an OS process from nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

CONTROL_FD = 3
"""Number of the inherited socket in a process that is started with one."""


def spawn_python(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    output_fd: int,
    control_fd: int | None = None,
) -> int:
    """Start this Python with arguments and return the pid.

    Standard output and error go to `output_fd`, standard input is empty, and `control_fd`,
    if given, becomes descriptor 3; no other descriptor is inherited. The process gets a
    session of its own, so that Ctrl+C in a terminal reaches the supervisor alone, which
    then decides what happens to whom.
    """
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    ]
    # Output first: its source may itself be number 3, which the control socket takes.
    actions.append((os.POSIX_SPAWN_DUP2, output_fd, 1))
    actions.append((os.POSIX_SPAWN_DUP2, output_fd, 2))
    if control_fd is not None:
        actions.append((os.POSIX_SPAWN_DUP2, control_fd, CONTROL_FD))
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *arguments],
        dict(environment),
        file_actions=actions,
        setsid=True,
    )
