"""Lines for people."""

from __future__ import annotations

import logging
import re
import sys

from agentd.logs.console_lines import ConsoleFormatter
from agentd.logs.record import OUTPUT_LOGGER


def record(name: str = "agentd.x", **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "/a/file.py", 7, "hello", (), None, "func")
    made.__dict__.update(extra)
    return made


def test_a_line_has_time_level_logger_message_and_fields() -> None:
    """In this order, fields as pairs."""
    text = ConsoleFormatter(colour=False).format(record(action="greet", slot=3))

    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} WARNING  agentd\.x hello action=greet slot=3", text)


def test_colour_comes_only_when_asked_for() -> None:
    """A file gets no escape sequences."""
    assert "\x1b[33m" in ConsoleFormatter(colour=True).format(record())
    assert "\x1b" not in ConsoleFormatter(colour=False).format(record())


def test_what_a_job_prints_is_plain_behind_its_mark() -> None:
    """No time, no level: the line as it was printed."""
    made = record(OUTPUT_LOGGER, job="AJ_1", child="c7")

    assert ConsoleFormatter(colour=False).format(made) == "[AJ_1] hello"


def test_a_child_without_a_job_marks_its_lines_too() -> None:
    """Prewarm prints as well."""
    assert ConsoleFormatter(colour=False).format(record(OUTPUT_LOGGER, child="c7")) == "[c7] hello"


def test_a_traceback_follows_below() -> None:
    """On lines of its own, readable."""
    made = record()
    try:
        raise ValueError("broken")
    except ValueError:
        made.exc_info = sys.exc_info()

    lines = ConsoleFormatter(colour=False).format(made).splitlines()

    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: broken"
