"""JSON lines."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from agentd.logs.json_lines import JsonLinesFormatter


class NoRepr:
    """A value whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def record(message: str = "hello", *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("agentd.x", logging.INFO, "/a/file.py", 7, message, args, None, "func")
    made.created = 1767225600.123
    made.process = 42
    made.__dict__.update(extra)
    return made


def line(made: logging.LogRecord, **options: Any) -> dict[str, Any]:
    text = JsonLinesFormatter(**options).format(made)
    assert "\n" not in text
    document: dict[str, Any] = json.loads(text)
    return document


def test_a_record_is_one_object_with_its_fields_at_the_top() -> None:
    """Time is UTC with milliseconds."""
    assert line(record("hello %s", "you", action="greet", slot=3)) == {
        "time": "2026-01-01T00:00:00.123Z",
        "level": "INFO",
        "name": "agentd.x",
        "message": "hello you",
        "pid": 42,
        "where": "file.py:7 func",
        "action": "greet",
        "slot": 3,
    }


def test_an_exception_is_text_in_one_line() -> None:
    """The traceback stands in exc_info."""
    made = record()
    try:
        raise ValueError("broken")
    except ValueError:
        made.exc_info = sys.exc_info()

    document = line(made)

    assert document["exc_info"].startswith("Traceback")
    assert document["exc_info"].endswith("ValueError: broken")


def test_a_field_whose_name_is_taken_gets_an_underscore() -> None:
    """Neither value is lost."""
    document = line(record(level="loud"))

    assert (document["level"], document["level_"]) == ("INFO", "loud")


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ValueError("x"), "ValueError('x')"),
        (NoRepr(), "<NoRepr without a repr>"),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (CYCLE, "[[...]]"),
        (2**80, 2**80),
        ("\ud800", "\\ud800"),
        (float("nan"), None),
        (b"\xff", "/w=="),
    ],
)
def test_an_odd_value_never_costs_the_line(value: object, expected: object) -> None:
    """What JSON can't carry becomes text; the rest of the line stays as it is."""
    document = line(record(odd=value, even=2))

    assert (document["odd"], document["even"]) == (expected, 2)


def test_arguments_that_do_not_fit_leave_the_message() -> None:
    """A wrong format string in user code is shown as it stands."""
    assert line(record("%d jobs", "many"))["message"] == (
        "%d jobs (its arguments could not be put in)"
    )


def test_an_output_without_utf8_gets_ascii() -> None:
    """Characters are escaped, not lost."""
    text = JsonLinesFormatter(ascii_only=True).format(record("grüße 😀"))

    assert text.isascii()
    assert json.loads(text)["message"] == "grüße 😀"
