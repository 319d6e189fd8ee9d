"""What children say, in the supervisor's log."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from agentd.logs.child_records import emit_child_log, emit_output_line
from agentd.logs.setup import setup_logging
from agentd.protocol.frames import Log

FIELDS = {"child": "c7", "job": "AJ_1", "room": "lobby", "pid": 42}


@pytest.fixture
def stream() -> io.StringIO:
    """The output of a log at INFO."""
    stream = io.StringIO()
    setup_logging("INFO", "json", stream)
    return stream


def frame(level: int = logging.INFO, logger: str = "my.app", **parts: Any) -> Log:
    return Log(level=level, logger=logger, message="100 %", time=1767225600.5, **parts)


def test_a_childs_record_keeps_its_own_facts(stream: io.StringIO) -> None:
    """Time, place, pid and fields are the child's; ours say whose it is."""
    sent = frame(where="app.py:3 entry", exception="Traceback: x", fields={"turn": 2, "job": "?"})

    emit_child_log(sent, FIELDS)

    assert json.loads(stream.getvalue()) == {
        "time": "2026-01-01T00:00:00.500Z",
        "level": "INFO",
        "name": "my.app",
        "message": "100 %",
        "pid": 42,
        "where": "app.py:3 entry",
        "exc_info": "Traceback: x",
        "turn": 2,
        "job": "AJ_1",
        "child": "c7",
        "room": "lobby",
    }


def test_a_record_below_the_level_is_held_back(stream: io.StringIO) -> None:
    """The supervisor's level counts for children too."""
    emit_child_log(frame(logging.DEBUG), FIELDS)

    assert stream.getvalue() == ""


def test_names_of_childrens_loggers_are_not_kept(stream: io.StringIO) -> None:
    """A job that names a logger after its caller does not fill our memory."""
    emit_child_log(frame(logger="caller-4711"), FIELDS)

    assert json.loads(stream.getvalue())["name"] == "caller-4711"
    assert "caller-4711" not in logging.Logger.manager.loggerDict


def test_a_field_called_like_a_part_of_a_record_breaks_nothing(stream: io.StringIO) -> None:
    """Children may send any name."""
    emit_child_log(frame(fields={"args": 1, "name": "n"}), {})

    document = json.loads(stream.getvalue())
    assert (document["name"], document["name_"], document["args_"]) == ("my.app", "n", 1)


def test_a_printed_line_is_shown_whatever_the_level() -> None:
    """print means show."""
    stream = io.StringIO()
    setup_logging("CRITICAL", "json", stream)

    emit_output_line("hello %s", FIELDS)

    document = json.loads(stream.getvalue())
    assert document["message"] == "hello %s"
    assert (document["name"], document["job"], document["pid"]) == ("agentd.output", "AJ_1", 42)
    assert "where" not in document
