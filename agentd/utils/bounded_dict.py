"""A dict that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """Has `maxsize` entries at most (None: any number); the oldest goes first."""

    def __init__(self, maxsize: int | None = None) -> None:
        super().__init__()
        if maxsize is not None and maxsize < 1:
            raise ValueError(f"maxsize must be 1 or more, but is {maxsize}")
        self._maxsize = maxsize

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        while self._maxsize is not None and len(self) > self._maxsize:
            self.popitem(last=False)

    def update_value(self, key: K, **fields: Any) -> V | None:
        """Set attributes of a value, those that are not None; the value, or None without one."""
        value = self.get(key)
        if value is not None:
            for name, field in fields.items():
                if field is not None:
                    setattr(value, name, field)
        return value

    def pop_if(self, predicate: Callable[[V], bool] | None = None) -> tuple[K | None, V | None]:
        """Take out the latest entry whose value is so, or the oldest without a predicate; a pair of
        None where there is none."""
        if predicate is None:
            return self.popitem(last=False) if self else (None, None)
        for key in reversed(self):
            if predicate(self[key]):
                return key, self.pop(key)
        return None, None
