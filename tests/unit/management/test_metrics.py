"""What /metrics says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from agentd.figures import Tally
from agentd.figures.families import DISPATCH, FAMILIES, JOURNAL_WRITE, RETRIES_REFUSED, TURN_LATENCY
from agentd.journal.journal import JournalView
from agentd.management.feed import FeedView
from agentd.management.metrics import Metrics, described
from agentd.management.metrics_shown import SHOWN
from agentd.management.metrics_view import LinkFigures, MetricsView
from agentd.supervision.view import ChildView as PartView
from agentd.supervision.view import TreeView
from agentd.supervisor.snapshot import ChildView, CircuitView, PoolView

OPEN = CircuitView(key="api/gpt", state="open", seconds=4.0, times=2, reason="503")


def pool(busy: int = 1) -> PoolView:
    """A pool with a warm child and a busy one."""
    children = [
        ChildView(id=f"c{slot}", slot=slot, state=state, pid=1, job_id=None, generation=1)
        for slot, state in enumerate(("idle", "running"))
    ]
    return PoolView(
        slots=4,
        children=children,
        idle=1,
        starting=0,
        busy=busy,
        waiting=0,
        idle_target=1,
        start_method="fork",
        failures=0,
        last_error="",
    )


def part(name: str, state: str, restarts: int, below: TreeView | None = None) -> PartView:
    """A part of the tree."""
    return PartView(
        id=name,
        type="worker",
        state=state,
        since=1.0,
        restarts=restarts,
        failures=0,
        last_error="",
        next_start_in=None,
        below=below,
    )


TREE = TreeView(
    name="daemon",
    strategy="one_for_one",
    state="running",
    recent_restarts=0,
    allowed_restarts=3,
    period=5.0,
    children=(part("template", "running", 2), part("models", "backoff", 1)),
)

FULL = MetricsView(
    version="1.2.3",
    healthy=True,
    ready=False,
    draining=False,
    jobs={"running": 1},
    slots_used=1,
    pool=pool(),
    memory={1: 2.0},
    refusals={"slots": 3},
    link=LinkFigures(up=True),
    journal=JournalView(kept="memory", problem="full", waiting=7),
    tree=TREE,
    feed=FeedView(readers=2, dropped=1, last=9),
    circuits=(OPEN,),
    circuits_opened={"api/gpt": 2, "b/c": 1},
)


def samples(view: MetricsView, tally: Tally | None = None) -> dict[tuple[str, ...], float]:
    """Every figure by its name and the values of its labels, as Prometheus reads them."""
    text, _ = Metrics(lambda: view, tally or Tally(), process=False).text()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_circuit_is_in_one_of_three_states() -> None:
    """One that is well again is shown as closed."""
    figures = samples(FULL)

    states = {labels: value for labels, value in figures.items() if "circuit_state" in labels[0]}
    assert {labels[1:] for labels, value in states.items() if value} == {
        ("api/gpt", "open"),
        ("b/c", "closed"),
    }
    assert len(states) == 6
    assert figures["agentd_circuit_opened_total", "api/gpt"] == 2


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        (("agentd_healthy",), 1),
        (("agentd_ready",), 0),
        (("agentd_draining",), 0),
        (("agentd_jobs", "running"), 1),
        (("agentd_jobs", "resuming"), 0),
        (("agentd_slots",), 4),
        (("agentd_slots_used",), 1),
        (("agentd_slots_free",), 3),
        (("agentd_children", "idle"), 1),
        (("agentd_children", "stopping"), 0),
        (("agentd_crash_loop",), 0),
        (("agentd_child_memory_bytes", "1"), 2 * 1024 * 1024),
        (("agentd_offers_declined_total", "slots"), 3),
        (("agentd_link_up",), 1),
        (("agentd_journal_waiting",), 7),
        (("agentd_journal_on_disk",), 0),
        (("agentd_part_up", "template"), 1),
        (("agentd_part_up", "models"), 0),
        (("agentd_part_restarts_total", "template"), 2),
        (("agentd_jobs_ended_total", "failed"), 0),
        (("agentd_dispatch_seconds_count", "total"), 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_the_daemon_is_can_be_read(figure: tuple[str, ...], value: float) -> None:
    """One figure each."""
    assert samples(FULL)[figure] == value


def test_what_is_counted_is_written_by_its_labels() -> None:
    """A counter and a histogram."""
    tally = Tally()
    tally.add(RETRIES_REFUSED, 3, circuit="a")
    for seconds in (0.02, 0.2, 99.0):
        tally.observe(DISPATCH, seconds, step="total")

    figures = samples(MetricsView(), tally)

    assert figures["agentd_retries_refused_total", "a"] == 3
    buckets = [("0.025", 1), ("0.1", 1), ("0.25", 2), ("10.0", 2), ("+Inf", 3)]
    for bound, times in buckets:
        assert figures["agentd_dispatch_seconds_bucket", bound, "total"] == times
    assert figures["agentd_dispatch_seconds_sum", "total"] == pytest.approx(99.22)


def test_with_nothing_to_tell_it_is_still_an_answer() -> None:
    """A daemon that has just been started: what is known to happen is 0."""
    assert set(samples(MetricsView()).values()) == {0}


def test_who_accepts_openmetrics_gets_it() -> None:
    """Prometheus asks so; the strict parser of the standard reads it."""
    metrics = Metrics(lambda: FULL, Tally(), process=False)

    text, content_type = metrics.text("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = list(openmetrics.text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]
    assert len(families) == len(SHOWN) + len(FAMILIES)
    assert metrics.text("")[1].startswith("text/plain; version=0.0.4")


def test_what_is_described_is_what_is_written() -> None:
    """Names, kinds and labels, as the table in the docs and the dashboard go by them."""
    text, _ = Metrics(lambda: FULL, filled(), process=False).text()

    written = {
        (f"{family.name}{'_total' if family.type == 'counter' else ''}", family.type)
        for family in text_string_to_metric_families(text.decode())
    }
    labels = {
        (sample.name.removesuffix("_bucket"), tuple(sorted(sample.labels.keys() - {"le"})))
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith(("_sum", "_count"))
    }
    assert written == {(each.name, each.kind) for each in described()}
    assert labels == {(each.name, tuple(sorted(each.labels))) for each in described()}


def filled() -> Tally:
    """One with something in every family."""
    tally = Tally()
    for family in FAMILIES:
        given = dict.fromkeys(family.labels, "x")
        if family.bounds:
            tally.observe(family, 0.1, **given)
        else:
            tally.add(family, 1.0, **given)
    return tally


def test_the_process_is_measured_too() -> None:
    """By prometheus_client, under its own names."""
    text, _ = Metrics(MetricsView, Tally()).text()

    assert b"process_resident_memory_bytes " in text
    assert b"process_open_fds " in text


def crowd(jobs: int) -> tuple[MetricsView, Tally]:
    """A daemon with so many jobs, and every family as full as it may get by itself."""
    tally = filled()
    for number in range(50):
        tally.add(RETRIES_REFUSED, circuit=f"api.example.com/{number}")
        tally.observe(TURN_LATENCY, 0.5, stage="e2e")
        tally.observe(JOURNAL_WRITE, 0.5)
    children = [
        ChildView(id=f"c{slot}", slot=slot, state="running", pid=1, job_id="j", generation=1)
        for slot in range(jobs)
    ]
    view = MetricsView(
        version="1",
        jobs={"running": jobs},
        pool=pool(),
        memory=dict.fromkeys(range(jobs), 50.0),
        tree=TREE,
        circuits_opened={f"api.example.com/{number}": 1 for number in range(50)},
    )
    assert view.pool is not None
    view.pool.children.extend(children)
    return view, tally


def test_a_scrape_of_200_jobs_does_not_hold_the_loop_up() -> None:
    """It is made on the supervisor's loop, and takes some 5 ms on a quiet machine; ten times the
    budget of 20 ms shows what grows without bound, and no machine that is busy."""
    view, tally = crowd(200)
    metrics = Metrics(lambda: view, tally)
    loop = asyncio.new_event_loop()
    try:
        best = min(timings(loop, metrics))
    finally:
        loop.close()

    assert best < 0.2


def timings(loop: asyncio.AbstractEventLoop, metrics: Metrics) -> Iterator[float]:
    """Seconds of ten scrapes."""
    for _ in range(10):
        began_at = loop.time()
        metrics.text()
        yield loop.time() - began_at
