"""A child's log records, as frames."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from agentd.logs.record import Entry, entry_of, safe_text
from agentd.logs.setup import quiet_noisy_libraries, register_levels
from agentd.masking import masked
from agentd.protocol.frames import Frame, Log, LogsDropped, LogValue

logger = logging.getLogger("agentd.child")

MAX_TEXT = 64 * 1024
"""Longest message or traceback that travels; the rest is cut off and said so."""


class FrameLogHandler(logging.Handler):
    """Sends each record as a `Log` frame; what can't be sent is counted and told later.

    `offer` sends at low priority and says whether the frame was taken; it may be called
    from any thread. `fields` gives what every record of the job carries.
    """

    def __init__(
        self, offer: Callable[[Frame], bool], fields: Callable[[], Mapping[str, LogValue]]
    ) -> None:
        super().__init__()
        self._offer = offer
        self._fields = fields
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        frame = to_frame(entry_of(record), record.levelno, self._fields())
        if self._dropped and self._offer(LogsDropped(count=self._dropped)):
            self._dropped = 0
        if not self._offer(frame):
            self._dropped += 1


def to_frame(entry: Entry, level: int, job_fields: Mapping[str, LogValue]) -> Log:
    """The frame of a record; its own fields win over the job's."""
    own = {name: _plain(value) for name, value in entry.fields.items()}
    return Log(
        level=level,
        logger=entry.logger,
        message=_cut(entry.message),
        time=entry.time,
        where=entry.where,
        exception=_cut(entry.exception),
        fields={**job_fields, **own},
    )


def install(handler: logging.Handler, level: str) -> None:
    """Make it the root logger's one handler."""
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)


def set_level(level: str) -> None:
    """Let through what is at least this important; a level that nobody knows changes nothing."""
    register_levels()
    try:
        logging.getLogger().setLevel(level)
    except ValueError as error:
        logger.warning(
            "the log level stays",
            extra={"action": "log_level_refused", "reason": str(error)},
        )
        return
    quiet_noisy_libraries(level)


def _plain(value: object) -> LogValue:
    if value is None or isinstance(value, bool | int | float | str):
        return _cut(value) if isinstance(value, str) else value
    return _cut(safe_text(value))


def _cut(text: str) -> str:
    # Masked here, where most keys are known, and before half of one could be cut off.
    clean = masked(safe_text(text))
    if len(clean) <= MAX_TEXT:
        return clean
    return f"{clean[:MAX_TEXT]} ... ({len(clean) - MAX_TEXT} characters more)"
