"""What Python's os module has no call for."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_subreaper() -> bool:
    """Have orphans below this process re-parented to it (prctl(2)); says whether it worked."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def fork_works() -> bool:
    """Whether children can be forked from a template and waited for by us."""
    return sys.platform.startswith("linux") and hasattr(os, "pidfd_open")
