"""What /metrics says."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from agentd.management.metrics import Metrics, MetricsView
from agentd.protocol.frames import Count
from agentd.supervisor.snapshot import CircuitView
from agentd.supervisor.totals import MAX_COUNTS, Totals

OPEN = CircuitView(key="api/gpt", state="open", seconds=4.0, times=2, reason="503")


def samples(view: MetricsView) -> dict[tuple[str, ...], float]:
    """Every figure by its name and the values of its labels, as Prometheus reads them."""
    text = Metrics(lambda: view).text().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_circuit_is_in_one_of_three_states() -> None:
    """One that is well again is shown as closed."""
    figures = samples(MetricsView(circuits=(OPEN,), circuits_opened={"api/gpt": 2, "b/c": 1}))

    states = {labels: value for labels, value in figures.items() if "state" in labels[0]}
    assert {labels[1:] for labels, value in states.items() if value} == {
        ("api/gpt", "open"),
        ("b/c", "closed"),
    }
    assert len(states) == 6
    assert figures["agentd_circuit_opened_total", "api/gpt"] == 2


def test_what_the_children_count_is_added_up() -> None:
    """By its labels."""
    totals = Totals()
    for times in (1, 2):
        totals.add([Count(name="retries_refused", labels={"circuit": "a"}, amount=times)])
    totals.add([Count(name="fallback_switches", labels={"model": "m"}, amount=5)])

    figures = samples(MetricsView(totals=totals.view()))

    assert figures["agentd_retries_refused_total", "a"] == 3
    assert figures["agentd_fallback_switches_total", "m"] == 5


def test_what_the_children_count_is_bounded() -> None:
    """However many labels they make up, and however long."""
    totals = Totals()

    for number in range(2 * MAX_COUNTS):
        totals.add([Count(name="n", labels={"l": f"{number} {'x' * 999}"}, amount=-1)])

    assert len(totals.view()) == MAX_COUNTS
    assert max(len(total.labels["l"]) for total in totals.view()) == 200
    assert {total.times for total in totals.view()} == {0}


def test_with_nothing_to_tell_it_is_still_an_answer() -> None:
    """A daemon that has just been started."""
    assert samples(MetricsView()) == {}
