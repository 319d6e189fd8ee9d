"""The server's clock, learned from the Date headers of its answers. Pure."""

from __future__ import annotations

DATE_STEP = 1.0
"""Seconds: a Date header is cut off to whole ones."""


class ServerClock:
    """How far the server's clock is ahead of ours.

    Each answer bounds the offset from both sides; what all agree on narrows with every
    one. An answer that disagrees (somebody set a clock) begins anew.
    """

    def __init__(self) -> None:
        self._least = float("-inf")
        self._most = float("inf")

    def learn(self, date: float, *, sent: float, received: float) -> None:
        """An answer of this date to a request sent and received at these times of our clock."""
        least, most = date - received, date + DATE_STEP - sent
        if least > self._most or most < self._least:
            self._least, self._most = least, most
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)

    def at(self, ours: float) -> float:
        """What the server's clock shows when ours shows this; the same while nothing is known."""
        if self._most == float("inf"):
            return ours
        return ours + (self._least + self._most) / 2
