"""The only place that starts an OS process from nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from msgspec import Struct

from agentd.protocol.app import CONTROL_FD


class Ran(Struct, frozen=True, kw_only=True):
    """What became of a process that was run to its end."""

    code: int
    output: bytes


def run_python(arguments: Sequence[str], environment: Mapping[str, str], timeout: float) -> Ran:
    """Run this Python to its end and return what it wrote to standard output.

    For commands, not for the daemon: it blocks. Raises TimeoutError.
    """
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout,
            check=False,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    return Ran(code=done.returncode, output=done.stdout)


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
