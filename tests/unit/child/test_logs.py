"""Log records as frames, and what becomes of those that can't be sent."""

from __future__ import annotations

import logging

import pytest

from agentd.child.logs import MAX_TEXT, FrameLogHandler
from agentd.protocol.frames import Frame, Log, LogsDropped, LogValue


class Wire:
    """Takes frames, as many as it is told to."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.room = 1000

    def offer(self, frame: Frame) -> bool:
        """Say whether there was room for it."""
        taken = len(self.frames) < self.room
        self.frames += [frame] if taken else []
        return taken


JOB: dict[str, LogValue] = {"room": "kitchen", "attempt": 1}


@pytest.fixture
def wire() -> Wire:
    """Where frames arrive."""
    return Wire()


@pytest.fixture
def log(wire: Wire) -> logging.Logger:
    """A logger whose records become frames."""
    logger = logging.Logger("app")  # noqa: LOG001 - not one that other tests see
    logger.addHandler(FrameLogHandler(wire.offer, lambda: JOB))
    return logger


def only_log(wire: Wire) -> Log:
    """The one record that was sent."""
    (frame,) = wire.frames
    assert isinstance(frame, Log)
    return frame


def test_a_record_is_a_frame_with_its_facts(log: logging.Logger, wire: Wire) -> None:
    """Message, level, place, and the job's fields."""
    log.warning("slow %s", "model")

    frame = only_log(wire)
    assert (frame.message, frame.level, frame.logger) == ("slow model", logging.WARNING, "app")
    assert frame.where.startswith("test_logs.py:")
    assert frame.fields == JOB


def test_a_record_s_own_fields_win_over_the_job_s(log: logging.Logger, wire: Wire) -> None:
    """Who writes `room` in the call means it."""
    log.info("moved", extra={"room": "garden"})

    assert only_log(wire).fields == {"room": "garden", "attempt": 1}


def test_values_that_are_no_data_travel_as_text(log: logging.Logger, wire: Wire) -> None:
    """No pickle, ever."""
    log.info("odd", extra={"thing": [1, 2], "number": 2.5})

    assert only_log(wire).fields == JOB | {"thing": "[1, 2]", "number": 2.5}


def test_a_very_long_message_is_cut_and_says_so(log: logging.Logger, wire: Wire) -> None:
    """One record can't fill the frame limit."""
    log.info("x" * (MAX_TEXT + 5))

    assert only_log(wire).message.endswith("x ... (5 characters more)")


def test_an_exception_travels_as_text(log: logging.Logger, wire: Wire) -> None:
    """With its traceback."""
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("failed")

    assert only_log(wire).exception.endswith("ValueError: boom")


def test_dropped_records_are_counted_and_told_before_the_next(
    log: logging.Logger, wire: Wire
) -> None:
    """A reader sees that there is a gap, and how wide."""
    wire.room = 1
    log.info("first")
    log.info("lost")
    log.info("lost too")
    wire.room = 10

    log.info("again")

    assert [frame for frame in wire.frames[1:] if isinstance(frame, LogsDropped)] == [
        LogsDropped(count=2)
    ]
    assert [frame.message for frame in wire.frames if isinstance(frame, Log)] == ["first", "again"]


def test_the_count_starts_anew_after_it_was_told(log: logging.Logger, wire: Wire) -> None:
    """No record is counted twice."""
    wire.room = 0
    log.info("lost")
    wire.room = 10
    log.info("one")

    log.info("two")

    assert [type(frame) for frame in wire.frames] == [LogsDropped, Log, Log]
