"""Logging is global: each test gets it back as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from agentd.logs.setup import NOISY


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """Put the root logger and the noisy ones back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
