"""How long each step of stopping may take. Pure.

OTP waits for ever for a killed process to be seen dead, and so may hang where a task swallows
its cancellation or a process is stuck in the kernel; here that wait has an end too.
"""

from __future__ import annotations

from collections.abc import Iterable

from .spec import ChildSpec, Shutdown
from .view import as_nested

KILL_WAIT = 5.0
"""Seconds within which what was forced to end is seen dead."""

MARGIN = 1.0
"""Seconds for a supervisor's own doings, on each level."""


def grace(spec: ChildSpec) -> float | None:
    """Seconds between asking a child to end and forcing it; None: it is not asked."""
    if isinstance(spec.shutdown, float | int):
        return float(spec.shutdown)
    if spec.shutdown is Shutdown.BRUTAL_KILL:
        return None
    nested = as_nested(spec.start)
    return nested.stop_budget() if nested is not None else KILL_WAIT


def kill_wait(spec: ChildSpec) -> float:
    """Seconds within which a child that is forced to end must be seen dead."""
    nested = as_nested(spec.start)
    return nested.kill_budget() if nested is not None else KILL_WAIT


def stop_budget(children: Iterable[ChildSpec]) -> float:
    """Seconds that stopping children may take: one after the other, each to its last deadline."""
    return MARGIN + sum((grace(child) or 0.0) + kill_wait(child) for child in children)


def kill_budget(children: Iterable[ChildSpec]) -> float:
    """Seconds that children may take to end by force: all at once."""
    return MARGIN + max((kill_wait(child) for child in children), default=0.0)


def start_budget(children: Iterable[ChildSpec]) -> float:
    """Seconds that children may take to start, one after the other, and to stop if one fails."""
    return sum(child.start_timeout for child in children) + stop_budget(children)
