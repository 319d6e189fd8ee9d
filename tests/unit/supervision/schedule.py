"""Crash schedules: what each child of a supervisor will do in each of its lives, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

Moment = tuple[float, str, str]
"""An instant, what happened (start, ready, failed, cut, ended, asked, killed), and to whom."""


@dataclass(frozen=True)
class Plan:
    """One life: all times in seconds."""

    start: float = 0.0
    """From the call of `start` to being ready, or to failing."""
    starts: bool = True
    lasts: float = inf
    """From being ready to ending by itself."""
    exit: str = "error"
    """How it then ends: normal or error."""
    heeds: float = 0.0
    """From being asked to end to having ended."""


@dataclass(frozen=True)
class Script:
    """One child."""

    id: str
    plans: tuple[Plan, ...] = ()
    """Its lives in order; the one after the last lasts for ever."""
    restart: str = "permanent"
    cool_down: bool = False
    significant: bool = False
    shutdown: float | None = 5.0
    """Seconds; None is a brutal kill."""
    base: float = 1.0
    cap: float = 8.0
    healthy_after: float = 5.0
    seed: int = 0

    def plan(self, life: int) -> Plan:
        """What it does in a life, counted from 0."""
        return self.plans[life] if life < len(self.plans) else Plan()


@dataclass(frozen=True)
class Schedule:
    """One supervisor, and when it is asked to stop."""

    scripts: tuple[Script, ...]
    strategy: str = "one_for_one"
    restarts: int = 3
    period: float = 5.0
    auto_shutdown: str = "never"
    stop_at: float = 100.0


@dataclass
class Outcome:
    """What a run of a schedule comes to."""

    verdict: str = ""
    """shutdown, not booted, or escalated and by whom."""
    moments: list[Moment] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    """By child; those that were forgotten are left out."""
