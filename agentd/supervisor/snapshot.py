"""Frozen views of the supervisor, for health, status pages and tests."""

from __future__ import annotations

from msgspec import Struct


class ChildView(Struct, frozen=True, kw_only=True):
    """One child."""

    id: str
    slot: int
    state: str
    pid: int | None
    job_id: str | None
    generation: int


class PoolView(Struct, frozen=True, kw_only=True):
    """The pool."""

    slots: int
    children: list[ChildView]
    idle: int
    starting: int
    busy: int
    """Slots that a job has or was promised."""
    waiting: int
    idle_target: int
    start_method: str
    """`fork`, `spawn`, or `none` while there is no template."""
    failures: int
    """Failed starts in a row."""
    last_error: str
    failing: str = ""
    """Why no child can be expected to become warm; empty when one can."""


class TemplateView(Struct, frozen=True, kw_only=True):
    """The template."""

    alive: bool
    pid: int | None
    generation: int
    last_error: str


class CircuitView(Struct, frozen=True, kw_only=True):
    """The circuit of a service that fails."""

    key: str
    """`provider/model`."""
    state: str
    """`open`, or `half_open` when the cooldown is over and one call may try."""
    seconds: float
    """Until the cooldown, or the probe that is made, is over."""
    times: int
    """How often it has opened without lasting health between."""
    reason: str
    """What the service's failure was."""
    prober: str = ""
    """The child that probes the service, or is to."""
