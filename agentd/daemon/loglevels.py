"""The log level, changed while the daemon runs: its own, its template's and its children's."""

from __future__ import annotations

import logging

from agentd.logs.setup import quiet_noisy_libraries
from agentd.management.operations import LogLevelView
from agentd.settings.model import LogLevel

from .parts import Parts

logger = logging.getLogger("agentd.daemon")


class LogLevels:
    """What is in force; until the daemon ends, or the next change."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.changed: LogLevel | None = None
        """What it was changed to last; None while the setting is in force."""

    @property
    def level(self) -> LogLevel:
        """What is in force."""
        return self.changed or self._parts.resolved.settings.log.log_level

    def set(self, level: LogLevel) -> LogLevelView:
        """Write this much from now on, here, in the template, and in children now and to come."""
        before, self.changed = self.level, level
        logging.getLogger().setLevel(level)
        quiet_noisy_libraries(level)
        self._parts.keeper.set_log_level(level)
        told = self._parts.base.pool.roster.set_log_level(level)
        # A warning, so that it is read at most levels: what follows may be silence.
        logger.warning(
            "the log level was changed",
            extra={"action": "log_level_set", "to": level, "before": before, "children": told},
        )
        return LogLevelView(level=level, before=before, children=told)
