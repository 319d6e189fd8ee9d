"""How many children to start now. Pure."""

from __future__ import annotations

from msgspec import Struct


class Demand(Struct, frozen=True, kw_only=True):
    """The pool at one moment, as far as starting children goes."""

    idle: int
    """Warm children of the current template."""
    starting: int
    """The same of children that are not warm yet."""
    free_slots: int
    waiting: int
    """Offers that wait for a warm child."""
    idle_target: int
    max_starting: int


def decide_starts(demand: Demand) -> int:
    """Children to start now, so that offers are served and the warm set is whole again."""
    wanted = demand.idle_target + demand.waiting - demand.idle - demand.starting
    room = min(demand.free_slots, demand.max_starting - demand.starting)
    return max(0, min(wanted, room))
