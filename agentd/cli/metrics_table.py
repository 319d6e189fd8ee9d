"""Figures as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from .shown_text import safe_line


class Row(Struct, frozen=True, kw_only=True):
    """One figure."""

    name: str
    labels: str
    value: str


def read_figures(text: str) -> list[Metric]:
    """What a daemon has written."""
    return list(text_string_to_metric_families(text))


def rows(families: Iterable[Metric], *, wanted: str = "") -> Iterator[Row]:
    """A row for each figure that says something; `wanted`: with this in its name.

    Of a histogram its number, mean and about which value 95 of 100 stay below. Those that are 0
    are left out, unless they are gauges: a gauge says something then.
    """
    for family in families:
        if wanted not in family.name:
            continue
        yield from _histogram(family) if family.type == "histogram" else _plain(family)


def _plain(family: Metric) -> Iterator[Row]:
    for sample in family.samples:
        if sample.value or family.type == "gauge":
            yield Row(name=sample.name, labels=_labels(sample.labels), value=_number(sample.value))


def _histogram(family: Metric) -> Iterator[Row]:
    buckets: dict[str, list[tuple[float, float]]] = {}
    sums: dict[str, float] = {}
    for sample in family.samples:
        labels = _labels({n: text for n, text in sample.labels.items() if n != "le"})
        if sample.name.endswith("_bucket"):
            buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    for labels, counts in buckets.items():
        number = counts[-1][1]
        if number:
            mean = sums.get(labels, 0.0) / number
            told = f"{number:.0f} times, mean {mean:.3g}, 95 % {_below(counts, 0.95 * number)}"
            yield Row(name=family.name, labels=labels, value=told)


def _below(counts: list[tuple[float, float]], wanted: float) -> str:
    """The first bound that so many are below; the buckets say no more than that."""
    bound = next(bound for bound, number in counts if number >= wanted)
    if bound == float("inf"):
        return f"> {counts[-2][0]:g}"
    return f"<= {bound:g}"


def _labels(labels: Mapping[str, str]) -> str:
    return safe_line(" ".join(f"{name}={text}" for name, text in labels.items()))


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
