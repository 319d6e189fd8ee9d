"""Who is concerned when a child is restarted, and whose turn it is to stop or start.

Pure. The order is OTP's (supervisor(3), "Supervision principles"): children start from left to
right, each when the one before it is ready, and stop from right to left, each when the one
after it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from .child import Child, IfStartFails, Phase
from .spec import Strategy

SETTLING = (Phase.WAITING, Phase.STARTING, Phase.STOPPING)
"""Phases in which those further right have to wait."""


def affected(strategy: Strategy, children: Sequence[Child], offender: Child) -> list[Child]:
    """The children that are restarted when one is, itself among them."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return [offender]
        case Strategy.ONE_FOR_ALL:
            return list(children)
        case Strategy.REST_FOR_ONE:
            return list(children[children.index(offender) :])


def next_to_stop(children: Sequence[Child]) -> Child | None:
    """The child to be stopped now: the rightmost that has to go, unless it is already going."""
    doomed = [child for child in children if child.doomed_to is not None]
    if not doomed or doomed[-1].phase is Phase.STOPPING:
        return None
    return doomed[-1]


def next_to_start(strategy: Strategy, children: Sequence[Child], now: float) -> Child | None:
    """The leftmost child that may be started now.

    Where children are restarted together, all that have to go are gone before the first is
    started. Under one_for_one the order only matters the first time: a child that was ready
    once has told its siblings what they needed, and need not wait for a slow one.
    """
    together = strategy is not Strategy.ONE_FOR_ONE
    if together and any(child.doomed_to is not None for child in children):
        return None
    must_wait = False
    for child in children:
        in_order = together or child.if_start_fails is IfStartFails.END
        if child.phase is Phase.WAITING and child.due_at <= now and not (must_wait and in_order):
            return child
        must_wait = must_wait or child.phase in SETTLING
    return None
