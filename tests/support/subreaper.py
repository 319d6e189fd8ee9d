"""Being the subreaper for a while, and counting what a process holds open."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.supervisor.linux import PR_SET_CHILD_SUBREAPER, become_subreaper


@contextmanager
def subreaper() -> Iterator[None]:
    """Orphans below this process come to it, until the block ends."""
    assert become_subreaper()
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def open_descriptors() -> int:
    """Descriptors that this process has open; the one that counts them is among them."""
    return len(list(Path("/proc/self/fd").iterdir()))


def is_gone(pid: int) -> bool:
    """Whether not even a zombie is left of a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """No descriptor can be opened for the length of a block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
