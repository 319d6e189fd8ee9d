"""What the daemon logs is an event of the journal too, without being said twice."""

from __future__ import annotations

import logging

from agentd.logs.record import entry_of

from .journal import Journal

LOGGER = "agentd"
"""Attach to this logger: its children's lines pass here, those of libraries and users don't."""


class JournalHandler(logging.Handler):
    """Records each line that has an `action` as an event of that kind; never waits."""

    def __init__(self, journal: Journal, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock, by any thread."""
        entry = entry_of(record)
        fields = dict(entry.fields)
        action = fields.pop("action", None)
        if action is None:
            return
        job, child = fields.pop("job", ""), fields.pop("child", "")
        fields["level"] = entry.level
        if entry.exception:
            fields["exception"] = entry.exception
        self._journal.record_event(
            str(action), entry.message, job=str(job), child=str(child), fields=fields
        )
