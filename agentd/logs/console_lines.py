"""Lines for people at a terminal: what `agentd dev` writes.

Plain ANSI colours: the supervisor's log must not need rich, which only the command
line loads.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from agentd.masking import masked

from .record import OUTPUT_LOGGER, entry_of, pairs

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_LEVEL_STYLES = (
    (logging.CRITICAL, "\x1b[1;31m"),
    (logging.ERROR, "\x1b[31m"),
    (logging.WARNING, "\x1b[33m"),
    (logging.INFO, "\x1b[32m"),
    (logging.DEBUG, "\x1b[36m"),
)
_WIDEST_LEVEL = len("CRITICAL")


class ConsoleFormatter(logging.Formatter):
    """Formats a record as time, level, logger, message and dim fields; a traceback follows below.

    What a job printed comes plain, behind a short dim mark of the job.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        return masked(self._line(record))

    def _line(self, record: logging.LogRecord) -> str:
        entry = entry_of(record)
        if entry.logger == OUTPUT_LOGGER:
            mark = entry.fields.get("job") or entry.fields.get("child") or "?"
            return f"{self._paint(_DIM, f'[{mark}]')} {entry.message}"
        # Local time: the reader sits at this machine.
        clock = datetime.fromtimestamp(entry.time, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        parts = [
            self._paint(_DIM, clock),
            self._paint(_style(record.levelno), entry.level.ljust(_WIDEST_LEVEL)),
            self._paint(_DIM, entry.logger),
            entry.message,
        ]
        if entry.fields:
            parts.append(self._paint(_DIM, pairs(entry.fields)))
        line = " ".join(parts)
        return f"{line}\n{entry.exception}" if entry.exception else line

    def _paint(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour and style else text


def _style(level: int) -> str:
    return next((style for lowest, style in _LEVEL_STYLES if level >= lowest), _DIM)
