"""A supervisor and what is below it at one moment, frozen, for people and for health.

Pure. Times are seconds before or after that moment: instants of a loop's clock mean nothing in
another process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from msgspec import Struct

from .child import Child, Phase
from .machine import Machine

GONE = (Phase.FINISHED.value, Phase.TERMINATED.value)
"""States of a child of which no more is expected, whatever it has been through."""


class ChildView(Struct, frozen=True, kw_only=True):
    """One child."""

    id: str
    type: str
    state: str
    """waiting, starting, running, stopping, finished or terminated; `backoff` while it waits to
    be started again, and `failed` where it failed too often and cools down meanwhile."""
    since: float
    """Seconds that it has been so."""
    restarts: int
    """How often it was restarted for failures of its own."""
    failures: int
    """Failures in a row: since it was last healthy for long enough."""
    last_error: str
    next_start_in: float | None
    """Seconds until it is started, where only time is waited for."""
    below: TreeView | None
    """Its own children, if it is a supervisor."""


class TreeView(Struct, frozen=True, kw_only=True):
    """One supervisor."""

    name: str
    strategy: str
    state: str
    """starting, running, stopping or ended."""
    recent_restarts: int
    allowed_restarts: int
    period: float
    """Seconds in which so many restarts are allowed."""
    children: tuple[ChildView, ...]


class Trouble(Struct, frozen=True, kw_only=True):
    """A child that is not well."""

    path: str
    """Names from the root down, such as `daemon/template`."""
    state: str
    """Of its `ChildView`; `running` if it has been for too short to be trusted again."""
    failures: int
    last_error: str
    next_start_in: float | None


@runtime_checkable
class Nested(Protocol):
    """The `start` of a child that has children itself."""

    def view(self) -> TreeView:
        """It and what is below it."""

    def stop_budget(self) -> float:
        """Seconds that stopping it may take, all deadlines below it together."""

    def kill_budget(self) -> float:
        """Seconds that it may take to end by force."""


def as_nested(start: object) -> Nested | None:
    """A child's `start`, if what it starts has children."""
    return start if isinstance(start, Nested) else None


def view_machine(machine: Machine, now: float) -> TreeView:
    """The view of a supervisor with these rules and this state."""
    allowed = machine.spec.intensity
    return TreeView(
        name=machine.spec.name,
        strategy=machine.spec.strategy.value,
        state=_state_of(machine),
        recent_restarts=sum(1 for at in machine.history if now - at <= allowed.period),
        allowed_restarts=allowed.restarts,
        period=allowed.period,
        children=tuple(_view_child(child, now) for child in machine.children),
    )


def find_troubles(view: TreeView, above: str = "") -> tuple[Trouble, ...]:
    """Every child that has failed and not been healthy for long enough since."""
    return tuple(_troubles(view, above))


def _troubles(view: TreeView, above: str) -> Iterator[Trouble]:
    for child in view.children:
        path = f"{above}{view.name}/{child.id}"
        if child.failures and child.state not in GONE:
            yield Trouble(
                path=path,
                state=child.state,
                failures=child.failures,
                last_error=child.last_error,
                next_start_in=child.next_start_in,
            )
        if child.below is not None:
            yield from _troubles(child.below, f"{above}{view.name}/")


def _state_of(machine: Machine) -> str:
    if machine.ending is not None:
        return "stopping" if any(child.is_up for child in machine.children) else "ended"
    return "running" if machine.booted else "starting"


def _view_child(child: Child, now: float) -> ChildView:
    nested = as_nested(child.spec.start)
    waits = child.phase is Phase.WAITING and child.due_at > now
    return ChildView(
        id=child.id,
        type=child.spec.type.value,
        state=_child_state(child, now),
        since=max(0.0, now - child.since_at),
        restarts=child.restarts,
        failures=0 if child.has_lasted(now) else child.backoff.failures,
        last_error=child.last_error,
        next_start_in=child.due_at - now if waits else None,
        below=nested.view() if nested is not None and child.is_up else None,
    )


def _child_state(child: Child, now: float) -> str:
    if child.cooling and child.phase in (Phase.WAITING, Phase.STARTING):
        return "failed"
    if child.phase is Phase.WAITING and child.due_at > now:
        return "backoff"
    return child.phase.value
