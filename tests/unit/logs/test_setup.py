"""Setting logging up."""

from __future__ import annotations

import io
import json
import logging
import os
from typing import Literal

import pytest

from agentd.logs.setup import DEV, TRACE, choose_format, setup_logging


def test_lines_come_out_once_however_often_it_is_set_up() -> None:
    """A second call replaces the first."""
    stream = io.StringIO()
    setup_logging("INFO", "json", io.StringIO())
    setup_logging("INFO", "json", stream)

    logging.getLogger("agentd.x").info("hello")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["hello"]


def test_the_level_holds_back_what_is_below() -> None:
    """INFO shows no DEBUG."""
    stream = io.StringIO()
    setup_logging("INFO", "json", stream)

    logging.getLogger("agentd.x").debug("quiet")

    assert stream.getvalue() == ""


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", False), ("TRACE", True)])
def test_noisy_libraries_speak_only_at_trace(level: str, shown: bool) -> None:
    """Everything means everything."""
    stream = io.StringIO()
    setup_logging(level, "json", stream)

    logging.getLogger("aiohttp.access").info("GET /")

    assert bool(stream.getvalue()) is shown


def test_livekits_two_levels_have_names() -> None:
    """TRACE is 5 and DEV is 23."""
    setup_logging("INFO", "json", io.StringIO())

    assert [logging.getLevelName(TRACE), logging.getLevelName(DEV)] == ["TRACE", "DEV"]


@pytest.mark.parametrize(
    ("asked", "dev", "journal", "chosen"),
    [
        ("auto", False, False, "json"),
        ("auto", True, False, "console"),
        ("auto", False, True, "journal"),
        ("auto", True, True, "journal"),
        ("json", True, False, "json"),
        ("json", False, True, "json"),
        ("console", False, False, "console"),
        ("journal", False, False, "journal"),
    ],
)
def test_auto_is_the_journal_where_there_is_one_and_else_by_who_reads(
    asked: Literal["auto", "json", "console", "journal"], dev: bool, journal: bool, chosen: str
) -> None:
    """JSON in start, lines for people in dev; an explicit format is kept."""
    assert choose_format(asked, dev=dev, journal=journal) == chosen


def test_a_character_that_the_output_cant_carry_is_escaped() -> None:
    """An ASCII terminal shows the line all the same."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    setup_logging("INFO", "console", stream)

    logging.getLogger("agentd.x").info("grüße")

    assert b"gr\\xfc\\xdfe" in raw.getvalue()


def test_a_reader_that_went_away_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`agentd dev | head` fills no terminal with tracebacks of logging itself."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = os.fdopen(write_end, "w", encoding="utf-8")
    setup_logging("INFO", "console", stream)

    logging.getLogger("agentd.x").info("hello")

    assert capsys.readouterr().err == ""
    os.close(write_end)
    with pytest.raises(OSError, match="Bad file descriptor"):
        stream.close()
