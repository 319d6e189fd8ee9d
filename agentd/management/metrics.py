"""/metrics: figures of the daemon for Prometheus, made when they are asked for.

What is counted as it happens is in `agentd.figures`, what is read off the daemon in
`metrics_shown`; here both are written, in Prometheus' text format or as OpenMetrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from agentd.figures import Tally, here
from agentd.figures.families import FAMILIES
from agentd.figures.family import Family

from .metrics_shown import SHOWN, Shown
from .metrics_view import MetricsView

PREFIX = "agentd_"


class Described(Struct, frozen=True, kw_only=True):
    """A family as it is seen from outside."""

    name: str
    """That of its samples: with `_total` for a counter; a histogram's have `_bucket`, ..."""
    kind: str
    labels: tuple[str, ...]
    text: str


def described() -> list[Described]:
    """Every family of our own."""
    return [
        *(
            Described(
                name=f"{PREFIX}{each.name}{'_total' if each.kind == 'counter' else ''}",
                kind=each.kind,
                labels=each.labels,
                text=each.text,
            )
            for each in SHOWN
        ),
        *(
            Described(
                name=f"{PREFIX}{each.name}{'' if each.bounds else '_total'}",
                kind="histogram" if each.bounds else "counter",
                labels=each.labels,
                text=each.text,
            )
            for each in FAMILIES
        ),
    ]


class Metrics:
    """Writes the figures of a view, of a tally, and of this process (`process_*`)."""

    def __init__(
        self, view: Callable[[], MetricsView], tally: Tally = here, *, process: bool = True
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(view, tally))
        if process:
            ProcessCollector(registry=self._registry)  # which finds nothing but on Linux

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """All of them and their content type: OpenMetrics for who accepts it."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Collector(Collector):
    def __init__(self, view: Callable[[], MetricsView], tally: Tally) -> None:
        self._view = view
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        view = self._view()
        for shown in SHOWN:
            yield _shown(shown, view)
        for family in FAMILIES:
            yield _counted(family, self._tally)

    def describe(self) -> Iterable[Metric]:
        """Nothing: it would be asked for while the daemon starts."""
        return ()


def _shown(shown: Shown, view: MetricsView) -> Metric:
    metric = Metric(f"{PREFIX}{shown.name}", shown.text, shown.kind)
    name = f"{metric.name}_total" if shown.kind == "counter" else metric.name
    for labels, value in shown.read(view):
        metric.add_sample(name, dict(zip(shown.labels, labels, strict=True)), value)
    return metric


def _counted(family: Family, tally: Tally) -> Metric:
    metric = Metric(
        f"{PREFIX}{family.name}", family.text, "histogram" if family.bounds else "counter"
    )
    if family.bounds:
        metric.samples.extend(_histogram(family, metric.name, tally))
    else:
        for labels, value in tally.counts(family).items():
            named = dict(zip(family.labels, labels, strict=True))
            metric.add_sample(f"{metric.name}_total", named, value)
    return metric


def _histogram(family: Family, name: str, tally: Tally) -> Iterator[Sample]:
    bounds = [*(repr(bound) for bound in family.bounds), "+Inf"]
    for labels, cumulative, total in tally.bins(family):
        named = dict(zip(family.labels, labels, strict=True))
        for bound, times in zip(bounds, cumulative, strict=True):
            yield Sample(f"{name}_bucket", {**named, "le": bound}, times)
        yield Sample(f"{name}_count", named, cumulative[-1])
        yield Sample(f"{name}_sum", named, total)
