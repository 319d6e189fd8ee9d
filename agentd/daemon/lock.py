"""One daemon for each state directory: a lock that ends with the process that has it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.errors import AlreadyRunning, DirectoryUnusable

FILE_NAME = "lock"


@contextmanager
def state_lock(directory: Path) -> Iterator[None]:
    """Have a state directory to ourselves for the length of a block.

    Raises AlreadyRunning when another process has it. The file stays: to remove it would let
    two daemons each lock a file of their own.
    """
    try:
        # Not inherited: os.open sets O_CLOEXEC, so that no child keeps the lock of a dead daemon.
        descriptor = os.open(directory / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DirectoryUnusable(
            f"can't make the lock {directory / FILE_NAME}: {error.strerror or error}; "
            "set AGENTD_STATE_DIR to a directory that can be written"
        ) from error
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(
            f"another daemon already uses the state directory '{directory}': stop it, or give "
            "this one its own with --state-dir or AGENTD_STATE_DIR"
        ) from error
