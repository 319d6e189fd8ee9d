"""Keeps a store within its age and size, a small step at a time."""

from __future__ import annotations

import logging

from agentd.settings.model import JournalSettings

from .store import Store

logger = logging.getLogger("agentd.journal")

STEP = 500
"""Records of a kind that one step removes: milliseconds, so that what waits is written between."""

SHRINK_TO = 0.9
"""How full it is left after pruning by size, so that it is not done for each record."""


class Retention:
    """Forgets what is too old, and the oldest of what is too much; never an unfinished job."""

    def __init__(self, settings: JournalSettings) -> None:
        self._max_age = settings.journal_max_age
        self._max_bytes = settings.journal_max_mb * 1024 * 1024
        self._shrinking = False
        self._told = False

    def step(self, store: Store, wall_time: float) -> bool:
        """Remove a little; says whether there may be more to remove."""
        removed = store.prune(STEP, older_than=wall_time - self._max_age)
        if self._too_large(store.size()):
            shrunk = store.prune(STEP)
            if not shrunk:
                self._tell_stuck()
            removed += shrunk
        return removed > 0

    def _too_large(self, size: int) -> bool:
        limit = self._max_bytes * (SHRINK_TO if self._shrinking else 1.0)
        self._shrinking = size > limit
        if not self._shrinking:
            self._told = False
        return self._shrinking

    def _tell_stuck(self) -> None:
        self._shrinking = False
        if self._told:
            return
        self._told = True
        logger.warning(
            "the journal is over its size and all in it belongs to unfinished jobs: it shrinks "
            "when they end; raise journal_max_mb if that is too late",
            extra={"action": "journal_over_size", "limit": self._max_bytes},
        )
