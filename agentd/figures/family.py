"""What a counter or a histogram is: its name, its labels, the bounds of its buckets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TypeAlias

from msgspec import Struct

Labels: TypeAlias = tuple[str, ...]
"""Values, in the order of the family's labels."""

OTHER = "other"
"""The value of each label once a family has as many different ones as it may."""

MAX_LABEL = 100
"""Characters of a label's value."""


class Family(Struct, frozen=True, kw_only=True):
    """A counter, or with bounds a histogram."""

    name: str
    """As in Prometheus, but for `agentd_` before and `_total` after it."""
    text: str
    labels: tuple[str, ...] = ()
    known: Mapping[str, tuple[str, ...]] = {}
    """Values that labels are known to have: shown as 0 from the start, so that the first time that
    something happens is seen as a rise. Labels that the world names have none."""
    bounds: tuple[float, ...] = ()
    """Upper bounds of the buckets, rising."""
    by_children: bool = False
    """Whether children may send it."""

    def known_labels(self) -> tuple[Labels, ...]:
        """All that is shown from the start."""
        return tuple(product(*(self.known.get(label, ()) for label in self.labels)))

    def key(self, labels: Mapping[str, str]) -> Labels:
        """The values of these labels; one that is missing is empty."""
        return tuple([labels.get(label, "")[:MAX_LABEL] for label in self.labels])
