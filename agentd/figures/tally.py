"""The sums of a process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from agentd.protocol.frames import Count, Spread

from .bins import Bins
from .families import BY_NAME
from .family import OTHER, Family, Labels

MAX_SERIES = 60
"""Different labels of one family; what comes with others is summed under `OTHER`. So what users,
or providers, give names to can't grow a process, nor what Prometheus keeps of it."""


class Taken(Struct, frozen=True):
    """What has come since the last time."""

    counts: list[Count]
    spreads: list[Spread]

    def __bool__(self) -> bool:
        return bool(self.counts or self.spreads)


class Tally:
    """Counts and histograms by family and labels. Filled from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for the time of an addition
        self._counts: dict[str, dict[Labels, float]] = {}
        self._bins: dict[str, dict[Labels, Bins]] = {}
        self._waiting = False
        self.turns = 0
        """Turns of the user that were answered here."""
        self.latency: Mapping[str, float] = {}
        """Of the last of them, seconds by stage."""
        self.on_first: Callable[[], None] = _nothing
        """Called, in whatever thread, when there is something to take after there was nothing."""

    # -- filling ---------------------------------------------------------------------------

    def add(self, family: Family, amount: float = 1.0, **labels: str) -> None:
        """It has happened, so often or so much."""
        with self._lock:
            series = self._counts.setdefault(family.name, {})
            key = _bounded(family, family.key(labels), series)
            series[key] = series.get(key, 0.0) + amount
        self._note_waiting()

    def observe(self, family: Family, value: float, **labels: str) -> None:
        """It was so much this time."""
        with self._lock:
            self._bins_of(family, family.key(labels)).observe(value)
        self._note_waiting()

    def note_turn(self, latency: Mapping[str, float]) -> None:
        """A turn was answered; how long that took, by stage."""
        self.turns += 1
        self.latency = latency

    def merge(self, counts: Iterable[Count], spreads: Iterable[Spread]) -> int:
        """Take over what a child has sent; how much of it makes no sense, and was left out."""
        refused = 0
        for count in counts:
            refused += not self._merge_count(count)
        for spread in spreads:
            refused += not self._merge_spread(spread)
        return refused

    def _merge_count(self, count: Count) -> bool:
        family = BY_NAME.get(count.name)
        if family is None or not family.by_children or family.bounds:
            return False
        if not math.isfinite(count.amount) or count.amount < 0:
            return False
        self.add(family, count.amount, **_own(family, count.labels))
        return True

    def _merge_spread(self, spread: Spread) -> bool:
        family = BY_NAME.get(spread.name)
        if family is None or not family.by_children or not family.bounds:
            return False
        if not Bins(family.bounds).fits(spread.counts, spread.total):
            return False
        with self._lock:
            self._bins_of(family, family.key(spread.labels)).add(spread.counts, spread.total)
        return True

    # -- emptying --------------------------------------------------------------------------

    def take(self) -> Taken:
        """All that is there, which is gone then."""
        with self._lock:
            counts, self._counts = self._counts, {}
            bins, self._bins = self._bins, {}
            self._waiting = False
        return Taken(
            [
                Count(name=name, labels=_named(name, key), amount=amount)
                for name, series in counts.items()
                for key, amount in series.items()
            ],
            [
                Spread(name=name, labels=_named(name, key), counts=each.counts, total=each.total)
                for name, series in bins.items()
                for key, each in series.items()
            ],
        )

    def put_back(self, taken: Taken) -> None:
        """It could not be sent: it goes with what comes next."""
        self.merge(taken.counts, taken.spreads)

    # -- looking ---------------------------------------------------------------------------

    def counts(self, family: Family) -> dict[Labels, float]:
        """A counter's sums, those that are known to be 0 too."""
        with self._lock:
            return dict.fromkeys(family.known_labels(), 0.0) | self._counts.get(family.name, {})

    def bins(self, family: Family) -> list[tuple[Labels, list[int], float]]:
        """A histogram's: labels, cumulative counts, total."""
        with self._lock:
            known = self._bins.get(family.name, {})
            empty = {key: Bins(family.bounds) for key in family.known_labels() if key not in known}
            return [(key, b.cumulative(), b.total) for key, b in (empty | known).items()]

    # -- inside ----------------------------------------------------------------------------

    def _bins_of(self, family: Family, labels: Labels) -> Bins:
        series = self._bins.setdefault(family.name, {})
        key = _bounded(family, labels, series)
        bins = series.get(key)
        if bins is None:
            bins = series[key] = Bins(family.bounds)
        return bins

    def _note_waiting(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.on_first()


def _bounded(family: Family, key: Labels, series: Mapping[Labels, object]) -> Labels:
    if key in series or len(series) < MAX_SERIES:
        return key
    return (OTHER,) * len(family.labels)


def _own(family: Family, labels: Mapping[str, str]) -> dict[str, str]:
    return {label: labels.get(label, "") for label in family.labels}


def _named(name: str, key: Labels) -> dict[str, str]:
    return dict(zip(BY_NAME[name].labels, key, strict=True))


def _nothing() -> None:
    return


here = Tally()
"""That of this process. One, as a process has one log: what is counted is told by those who do it,
in every room, and none of them needs to know of the others."""


def count(family: Family, amount: float = 1.0, **labels: str) -> None:
    """Count something in this process."""
    here.add(family, amount, **labels)


def observe(family: Family, value: float, **labels: str) -> None:
    """Measure something in this process."""
    here.observe(family, value, **labels)
