"""Figures as lines for people."""

from __future__ import annotations

from agentd.cli.metrics_table import Row, read_figures, rows
from agentd.figures import Tally
from agentd.figures.families import DISPATCH, RETRIES_REFUSED, TURNS
from agentd.management.metrics import Metrics
from agentd.management.metrics_view import MetricsView


def shown(tally: Tally, wanted: str = "") -> list[Row]:
    """The rows of a daemon that has counted this."""
    text, _ = Metrics(lambda: MetricsView(draining=False), tally, process=False).text()
    return list(rows(read_figures(text.decode()), wanted=wanted))


def test_what_is_0_is_left_out_unless_it_is_a_gauge() -> None:
    """A gauge says something then."""
    assert shown(Tally()) == [Row(name="agentd_draining", labels="", value="0")]


def test_a_counter_is_a_number_by_its_labels() -> None:
    """Whole ones without a point."""
    tally = Tally()
    tally.add(TURNS, 3)
    tally.add(RETRIES_REFUSED, 2.5, circuit="a/b\x1b[31m")

    assert shown(tally)[1:] == [
        Row(name="agentd_turns_total", labels="", value="3"),
        Row(name="agentd_retries_refused_total", labels="circuit=a/b\\x1b[31m", value="2.5"),
    ]


def test_a_histogram_is_its_number_its_mean_and_a_bound_for_most() -> None:
    """What is over the last bound is said to be so."""
    tally = Tally()
    for _ in range(99):
        tally.observe(DISPATCH, 0.3, step="total")
    tally.observe(DISPATCH, 99.0, step="total")
    tally.observe(DISPATCH, 99.0, step="assign")

    assert shown(tally, "dispatch") == [
        Row(
            name="agentd_dispatch_seconds",
            labels="step=total",
            value="100 times, mean 1.29, 95 % <= 0.5",
        ),
        Row(
            name="agentd_dispatch_seconds",
            labels="step=assign",
            value="1 times, mean 99, 95 % > 10",
        ),
    ]


def test_a_gauge_without_a_bound_is_shown_as_it_is() -> None:
    """A limit of the process may be none."""
    text = "# TYPE process_max_fds gauge\nprocess_max_fds +Inf\n# TYPE x gauge\nx NaN\n"

    assert [row.value for row in rows(read_figures(text))] == ["inf", "nan"]
