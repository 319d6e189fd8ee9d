"""The rules of heartbeats: when to ask a child for a pong, and when to lose patience. Pure."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

Verdict = Literal["wait", "ping", "warn", "replace"]

INTERVAL = 1.0
"""Seconds between two pings of a child with a job."""

IDLE_INTERVAL = 10.0
"""The same for a warm child without one: nobody waits for it yet."""

GAP = 1.0
"""Lateness of our own timer from which on it is we who were away (stopped, or blocked)."""


class Patience(Struct, frozen=True, kw_only=True):
    """How long a child may be silent, in seconds."""

    warn_after: float
    """0 never warns."""
    replace_after: float
    """0 never replaces: for a child under a debugger."""
    interval: float = INTERVAL
    idle_interval: float = IDLE_INTERVAL


def decide_interval(state: str, *, has_job: bool, patience: Patience) -> float | None:
    """How often a child is asked, by its state; None for one that need not answer.

    A child that starts or prewarms has a timeout of its own and runs no loop yet, and one
    that has reported its job's end may be past its loop.
    """
    if state == "idle":
        return patience.idle_interval
    if state in ("reserved", "running") or (state == "stopping" and has_job):
        return patience.interval
    return None


class Pulse:
    """The heartbeat of one child. Instants are given to it; it reads no clock."""

    def __init__(self, patience: Patience, interval: float, now: float) -> None:
        self._patience = patience
        self._interval = interval
        self._next_ping_at = next_beat(now, interval)
        self._asked_at: float | None = None
        self._seq = 0
        self._warned = False
        self._lost = False
        self.blocked_since: float | None = None
        """When the first ping was sent that a child did not answer in time; None if it did."""

    @property
    def seq(self) -> int:
        """Number of the latest ping."""
        return self._seq

    @property
    def asked_at(self) -> float | None:
        """When the ping was sent whose answer is waited for; None while none is."""
        return self._asked_at

    def is_silent(self) -> bool:
        """Whether a ping waits for its answer."""
        return self._asked_at is not None

    @property
    def due_at(self) -> float:
        """When `judge` has something to say; infinity for never."""
        if self._lost:
            return math.inf
        if self._asked_at is None:
            return self._next_ping_at
        ends = []
        if self._patience.warn_after and not self._warned:
            ends.append(self._asked_at + self._patience.warn_after)
        if self._patience.replace_after:
            ends.append(self._asked_at + self._patience.replace_after)
        return min(ends, default=math.inf)

    def judge(self, now: float) -> Verdict:
        """What to do at this moment. Each warning and each end is told once."""
        if now < self.due_at:
            return "wait"
        if self._asked_at is None:
            self._asked_at = now
            self._seq += 1
            return "ping"
        replace_after = self._patience.replace_after
        if replace_after and now >= self._asked_at + replace_after:
            self._lost = True
            return "replace"
        self._warned = True
        if self.blocked_since is None:
            self.blocked_since = self._asked_at
        return "warn"

    def pong(self, seq: int, now: float) -> float | None:
        """It has answered; returns for how long it had been blocked, if that was warned about."""
        if seq != self._seq or self._asked_at is None:
            return None  # an answer to a ping from before a gap of ours
        since, self.blocked_since = self.blocked_since, None
        self._asked_at = None
        self._warned = self._lost = False
        self._next_ping_at = next_beat(now, self._interval)
        return None if since is None else now - since

    def set_interval(self, interval: float, now: float) -> None:
        """Ask more often, or less, from now on."""
        if interval != self._interval:
            self._interval = interval
            self._next_ping_at = next_beat(now, interval)

    def begin_afresh(self, now: float) -> None:
        """We were away: what was not heard meanwhile says nothing about the child."""
        self._asked_at = None
        self._lost = False
        self._next_ping_at = now


def next_beat(now: float, interval: float) -> float:
    """The next multiple of the interval: children are asked at the same moments, so that one
    wake-up a second serves them all."""
    return (math.floor(now / interval) + 1) * interval
