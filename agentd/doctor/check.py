"""A check as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from .finding import Finding
from .patient import Patient

Group = Literal[
    "python", "machine", "settings", "app", "server", "media", "limits", "storage", "service",
    "models",
]  # fmt: skip

Run = Callable[[Patient], Awaitable[Finding]]
Fix = Callable[[Patient], Awaitable[str]]
"""Mends what can be mended without harm; says what it did, empty for nothing."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that is looked at."""

    id: str
    """Stable: scripts name it."""
    group: Group
    looks_at: str
    """For people."""
    run: Run
    deadline: float = 3.0
    """Seconds."""
    network: bool = False
    """Not run with `--offline`."""
    costs: bool = False
    """Asks a service that may charge for it: not run with `--no-cost`."""
    fix: Fix | None = None
