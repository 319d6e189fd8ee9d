"""What children say, put into the supervisor's own log."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from agentd.protocol.frames import Log

from .record import EXCEPTION, OUTPUT_LOGGER, STANDARD_ATTRIBUTES, WHERE


def emit_child_log(frame: Log, fields: Mapping[str, object]) -> None:
    """Write a child's record through our handlers, if its level passes here.

    `fields` say whose it is (child, pid, job, room, slot) and win over the record's own;
    a `pid` among them becomes the record's process.
    """
    logger = _logger(frame.logger)
    if not logger.isEnabledFor(frame.level):
        return
    record = _record(frame.logger, frame.level, frame.message, {**frame.fields, **fields})
    record.created = frame.time
    record.msecs = (frame.time % 1) * 1000
    record.__dict__[WHERE] = frame.where
    record.__dict__[EXCEPTION] = frame.exception
    logger.handle(record)


def emit_output_line(line: str, fields: Mapping[str, object]) -> None:
    """Write a line that a child printed. No level holds it back: print means show."""
    record = _record(OUTPUT_LOGGER, logging.INFO, line, fields)
    record.__dict__[WHERE] = ""
    logging.getLogger(OUTPUT_LOGGER).handle(record)


def _logger(name: str) -> logging.Logger:
    """The logger of that name if we have one, else the root.

    Loggers live as long as the process, and a job may name one after each caller: names
    that come from children make no new ones here.
    """
    known = logging.Logger.manager.loggerDict.get(name)
    return known if isinstance(known, logging.Logger) else logging.getLogger()


def _record(name: str, level: int, message: str, fields: Mapping[str, object]) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
    )
    for field, value in fields.items():
        if field == "pid" and isinstance(value, int):
            record.process = value
            continue
        # A field called `name` or `args` would break the record itself.
        record.__dict__[f"{field}_" if field in STANDARD_ATTRIBUTES else field] = value
    return record
