"""A value that tells "not given" apart from None, for options where None means something."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeGuard, TypeVar

T = TypeVar("T")


class NotGiven:
    """The type of `NOT_GIVEN`; there is one instance, also after pickling."""

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __reduce__(self) -> str:
        # pickle stores the name of the module's global, so a copy is the same object
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()

NotGivenOr: TypeAlias = T | NotGiven


def is_given(value: NotGivenOr[T]) -> TypeGuard[T]:
    """Whether a value was given."""
    return not isinstance(value, NotGiven)


def only_given(**values: Any) -> dict[str, Any]:
    """Those of the values that were given."""
    return {name: value for name, value in values.items() if is_given(value)}
