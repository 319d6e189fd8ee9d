"""Waiting for something to become true, woken by whatever may have made it so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds that a test waits for anything."""


class Changes(logging.Handler):
    """Looks again after each `note` and each record of agentd's log; keeps the records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._changed = asyncio.Event()
        self._level = 0

    def __enter__(self) -> Changes:
        logger = logging.getLogger("agentd")
        self._level = logger.level
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        logger = logging.getLogger("agentd")
        logger.removeHandler(self)
        logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record and look again."""
        self.records.append(record)
        self.note()

    def note(self) -> None:
        """Something has changed."""
        self._changed.set()

    def actions(self, action: str) -> list[logging.LogRecord]:
        """The records of one action so far."""
        return [record for record in self.records if record.__dict__.get("action") == action]

    def reasons(self, action: str) -> list[str]:
        """The reasons given in them."""
        return [str(record.__dict__.get("reason")) for record in self.actions(action)]

    async def until(self, true: Callable[[], T]) -> T:
        """Wait until something is true, and return what it is; TimeoutError after the deadline."""
        async with asyncio.timeout(DEADLINE):
            while not (value := true()):
                self._changed.clear()
                await self._changed.wait()
        return value
