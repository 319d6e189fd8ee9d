"""An answer that is kept for a moment: however often it is asked for, it is made so often only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from agentd.aio.timing import now

T = TypeVar("T")


class Kept(Generic[T]):
    """Makes a thing when it is asked for, and gives the same one out for a while."""

    def __init__(self, make: Callable[[], T], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._made: T | None = None
        self._until = 0.0

    def get(self) -> T:
        """The thing; raises what making it raises, and then has none."""
        at = now()
        if self._made is None or at >= self._until:
            self._made = self._make()
            self._until = at + self._seconds
        return self._made
