"""Whether a child that was killed was killed for its memory."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Literal

from msgspec import Struct

from .cgroup import ROOT, group_memory, memory_groups, oom_kills
from .exit import WaitStatus

OomVerdict = Literal["", "limit", "kernel", "likely"]
"""`limit`: we killed it for its size. `kernel`: the kernel counted a kill in our group. `likely`:
there is no count, but it was close to a limit when it was last seen. Empty: nothing says so."""

CLOSE = 0.8
"""Share of a limit that is close to it."""

TOGETHER = 5.0
"""Seconds in which a count may belong to several deaths: the kernel may kill a whole group."""


class OomEvidence(Struct, frozen=True, kw_only=True):
    """What speaks for the want of memory, and against it."""

    verdict: OomVerdict = ""
    kernel_kills: int | None = None
    """Kills that the kernel counted around this death; None where it was not asked or can't say."""
    memory_mb: float | None = None
    """The last sample of the child's private memory."""
    limit_mb: float | None = None
    """The smallest limit that held for it."""


class OomCounter:
    """The kernel's count of its kills in our control group, and what is new in it."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._seen = self._read()
        self._last_new = (0.0, 0)

    def new_kills(self, now: float) -> int | None:
        """Kills since the look before, or those that an earlier look found a moment ago."""
        count = self._read()
        if count is None or self._seen is None:
            self._seen = count
            return None
        fresh, self._seen = count - self._seen, count
        if fresh > 0:
            self._last_new = (now, fresh)
            return fresh
        at, before = self._last_new
        return before if now - at <= TOGETHER else 0

    def smallest_limit_mb(self) -> float | None:
        """The tightest limit of the groups that we are in."""
        memories = (group_memory(group) for group in memory_groups(self._root))
        return min((memory.limit_mb for memory in memories if memory is not None), default=None)

    def _read(self) -> int | None:
        counts = (oom_kills(group) for group in memory_groups(self._root))
        return next((count for count in counts if count is not None), None)  # our own comes first


def killed_by_another(status: WaitStatus, killed_by_us: bool) -> bool:
    """Whether SIGKILL ended it and it was not ours: only then is the kernel asked."""
    return status.signal == signal.SIGKILL and not killed_by_us


def judge_oom(
    *,
    over_our_limit: bool,
    kernel_kills: int | None,
    memory_mb: float | None,
    limit_mb: float | None,
) -> OomEvidence:
    """Weigh what is known of a child that SIGKILL ended."""
    verdict: OomVerdict = ""
    if over_our_limit:
        verdict = "limit"
    elif kernel_kills:
        verdict = "kernel"
    elif kernel_kills is None and memory_mb and limit_mb and memory_mb >= CLOSE * limit_mb:
        verdict = "likely"
    return OomEvidence(
        verdict=verdict, kernel_kills=kernel_kills, memory_mb=memory_mb, limit_mb=limit_mb
    )
