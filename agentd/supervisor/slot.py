"""The numbered seat that a child fills. It outlives its children and keeps their history."""

from __future__ import annotations

from agentd.protocol.ids import SlotId

from .child import Child
from .exit import ExitReason


class Slot:
    """A seat in the pool."""

    def __init__(self, number: SlotId) -> None:
        self.number = number
        self.child: Child | None = None
        self.children = 0
        """Children that have sat here, the present one included."""
        self.last_exit: ExitReason | None = None

    def seat(self, child: Child) -> None:
        """A child takes the seat."""
        self.child = child
        self.children += 1

    def vacate(self, reason: ExitReason) -> None:
        """The child is gone, reaped and all."""
        self.child = None
        self.last_exit = reason
