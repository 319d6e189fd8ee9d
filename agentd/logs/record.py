"""A log record as data: what every format of a line is made from."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from msgspec import Struct

OUTPUT_LOGGER = "agentd.output"
"""The logger of lines that a child printed."""

WHERE = "agentd_where"
"""Attribute of a record that says where it was logged, when that was in another process."""

EXCEPTION = "agentd_exception"
"""Attribute of a record that holds an exception's text, when it was raised in another process."""

STANDARD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    WHERE,
    EXCEPTION,
}
"""What logging itself puts on a record; all else came through `extra`."""


class Entry(Struct, frozen=True, kw_only=True):
    """One record, ready to be written."""

    time: float
    """Seconds since the epoch."""
    level: str
    logger: str
    message: str
    pid: int
    where: str
    """`file.py:line function` of the call; empty for a line that was printed."""
    exception: str
    """The traceback's text, and that of a stack; empty for none."""
    fields: Mapping[str, object]
    """Everything given as `extra`."""


def entry_of(record: logging.LogRecord) -> Entry:
    """Read a record; never raises, since a log line is no reason to fail."""
    attributes = record.__dict__
    return Entry(
        time=record.created,
        level=record.levelname,
        logger=record.name,
        message=_message(record),
        pid=record.process or 0,
        where=attributes.get(WHERE, f"{record.filename}:{record.lineno} {record.funcName}"),
        exception=_exception(record),
        fields={
            name: value for name, value in attributes.items() if name not in STANDARD_ATTRIBUTES
        },
    )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit, or whose __str__ raises
        return f"{safe_text(record.msg)} (its arguments could not be put in)"


def _exception(record: logging.LogRecord) -> str:
    parts = [record.__dict__.get(EXCEPTION) or ""]
    if record.exc_info and record.exc_info[1] is not None:
        parts.append("".join(traceback.format_exception(record.exc_info[1])))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(part.rstrip("\n") for part in parts if part)


def safe_text(value: object) -> str:
    """A text for any value at all, and one that UTF-8 can carry."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        text = f"<{type(value).__name__} without a repr>"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pairs(fields: Mapping[str, object]) -> str:
    """Fields as people read them: `job=AJ_x ending=completed`."""
    return " ".join(f"{name}={safe_text(value)}" for name, value in fields.items())
