"""Failures of models: counted by kind, told, and too many of them end the session."""

from __future__ import annotations

from typing import Any, cast

from agentd.errors import APIConnectionError
from agentd.testing import FakeLLM
from agentd.voice.engine.faults import Faults
from agentd.voice.engine.outages import Outages
from agentd.voice.events import ErrorEvent

ERROR = APIConnectionError("gone")


class NoOutages:
    """No model has a circuit."""

    def service_out(self, *_: object) -> None:
        """See Outages."""

    def worked(self, *_: object) -> None:
        """See Outages."""


class Desk:
    """Notes what it is told."""

    def __init__(self, limit: int = 3) -> None:
        self.events: list[ErrorEvent] = []
        self.gave_up: list[Any] = []
        self.faults = Faults(
            limit=limit,
            outages=cast("Outages", NoOutages()),
            emit=self.events.append,
            give_up=self.gave_up.append,
        )

    def fail(self, kind: Any, times: int) -> None:
        for _ in range(times):
            self.faults.failed(kind, ERROR, FakeLLM())


def test_as_many_failures_as_allowed_are_told_and_no_more() -> None:
    """Three in a row, each with its model."""
    desk = Desk()

    desk.fail("llm", 3)

    assert len(desk.events) == 3
    assert isinstance(desk.events[0].source, FakeLLM)
    assert desk.gave_up == []


def test_one_more_is_too_many() -> None:
    """What comes after it is no news: the session is closing."""
    desk = Desk()

    desk.fail("llm", 6)

    assert len(desk.events) == 4
    assert [told.error for told in desk.gave_up] == [ERROR]


def test_kinds_are_counted_apart() -> None:
    """An STT's failures are not the voice's."""
    desk = Desk()

    desk.fail("llm", 3)
    desk.fail("tts", 3)

    assert desk.gave_up == []


def test_work_that_is_done_clears_the_count() -> None:
    """Of its kind."""
    desk = Desk()

    desk.fail("llm", 3)
    desk.faults.worked("llm")
    desk.faults.worked("stt")
    desk.fail("llm", 3)

    assert desk.gave_up == []


def test_a_realtime_model_has_no_second_chance() -> None:
    """Without it there is nothing left."""
    desk = Desk()

    desk.fail("realtime", 1)

    assert len(desk.gave_up) == 1
