"""A child's log level, as it is told while it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from agentd.child.logs import set_level


@pytest.fixture(autouse=True)
def root_level() -> Iterator[None]:
    """The root logger's level as it was."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.parametrize(("level", "number"), [("DEBUG", 10), ("TRACE", 5), ("ERROR", 40)])
def test_a_child_writes_what_is_asked_for(level: str, number: int) -> None:
    """Also the levels that only agentd knows."""
    set_level(level)

    assert logging.getLogger().level == number


def test_a_level_that_is_none_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and the one before stays."""
    set_level("WARNING")

    set_level("LOUD")

    assert logging.getLogger().level == logging.WARNING
    assert [record.__dict__["action"] for record in caplog.records] == ["log_level_refused"]
