"""A span as the rest of agentd sees it. This one is nothing: every call returns at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeAlias

Value: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value | None]
"""By name. One that is None, or empty text, is left out."""


class Span:
    """Something that takes time. `with` makes it what spans inside belong to, and ends it.

    What is told after its end is lost. No call raises.
    """

    __slots__ = ()

    is_recorded: bool = False
    """Whether anybody will see it."""

    def set(self, attributes: Attributes) -> None:
        """Tell more of it."""

    def note(self, event: str, attributes: Attributes | None = None, *, at: float = 0.0) -> None:
        """Something has happened in it, at this wall time; now where that is 0."""

    def fail(self, why: BaseException | str) -> None:
        """It has failed."""

    def end(self, *, at: float = 0.0) -> None:
        """It is over, at this wall time; now where that is 0. Only the first call counts."""

    def current(self) -> AbstractContextManager[object]:
        """What is made within this block, and in tasks that are started there, belongs to it."""
        return self

    def apart(self) -> AbstractContextManager[object]:
        """It lasts as long as this block; what is made there belongs to what was current before.
        For work that leaves tasks behind, which go on when it is over."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


NOTHING = Span()
"""What every span is where nobody wants traces."""
