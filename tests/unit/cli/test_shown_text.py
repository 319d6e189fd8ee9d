"""Words and figures on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.cli.shown_text import duration, long_fields, safe_line, safe_lines, short_fields
from agentd.cli.status_table import drain_text
from agentd.management.views import DrainView


@given(text=st.text())
def test_no_text_steers_the_terminal(text: str) -> None:
    """Nothing that is not printed as a letter comes through."""
    assert safe_line(text).isprintable()
    assert all(line.isprintable() for line in safe_lines(text))


def test_printable_text_is_left_as_it_is() -> None:
    """Of any language."""
    assert safe_line("Zoë's Büro 部屋 🙂") == "Zoë's Büro 部屋 🙂"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (60.0, "1 min 0 s"),
        (3723.0, "1 h 2 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_a_duration_has_the_precision_that_matters(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration(seconds) == text


def test_details_of_one_line_stand_together_and_long_ones_alone() -> None:
    """A stack can be read, a number takes no line."""
    fields = {"signal": 9, "why": "killed", "stack": "a\n\tb\n", "lines": ["x", "y"], "none": []}

    assert short_fields(fields) == "signal=9 why=killed none=[]"
    assert dict(long_fields(fields)) == {"stack": ["a", "    b"], "lines": ["x", "y"]}


@pytest.mark.parametrize(
    ("drain", "text"),
    [
        (DrainView(draining=True), "0 jobs left"),
        (
            DrainView(draining=True, reason="SIGTERM", jobs_left=1, seconds_left=3600.0),
            "1 job left, ended in 1 h 0 min at the latest (SIGTERM)",
        ),
        (
            DrainView(draining=True, jobs_left=2, seconds_left=0.0, ending=True),
            "2 jobs left, being ended: the drain timeout is over",
        ),
    ],
    ids=["over", "waiting", "ending"],
)
def test_a_drain_in_one_line(drain: DrainView, text: str) -> None:
    """How many are left, and what becomes of them."""
    assert drain_text(drain) == text
