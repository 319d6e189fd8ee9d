"""Handlers that write lines: at once, or from a thread of their own."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from typing import TextIO

from agentd.figures import count
from agentd.figures.families import LOGS_DROPPED


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each line at once and takes it calmly when nobody reads them any more."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop a line that can't be written: `agentd dev | head` must not fill the terminal."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class BackgroundHandler(logging.Handler):
    """Formats in the caller and writes in a thread, so that logging never waits.

    A pipe whose reader stands still (a stopped terminal, a journal under load) blocks
    its writer, and the supervisor's one event loop must not be that writer: offers would
    time out. Lines over the capacity are dropped and counted; the count is logged when
    the output moves again.
    """

    def __init__(
        self, stream: TextIO, *, capacity: int = 10_000, close_timeout: float = 2.0
    ) -> None:
        super().__init__()
        self._target = LineHandler(stream)
        self._close_timeout = close_timeout
        self._lines: queue.Queue[str | None] = queue.Queue(capacity)
        self._dropped = 0
        # A daemon thread: an output that is stuck for good must not keep the process.
        self._thread = threading.Thread(target=self._write, name="agentd-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record's line; never blocks. Called under the handler's lock."""
        self._report_dropped()
        self._put(self.format(record))

    def close(self) -> None:
        """Write what is queued, within the timeout given. May be repeated."""
        super().close()
        if self._thread.is_alive():
            try:
                self._lines.put(None, timeout=self._close_timeout)
            except queue.Full:
                return
            self._thread.join(self._close_timeout)

    def _put(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def _report_dropped(self) -> None:
        if not self._dropped or self._lines.full():
            return
        dropped, self._dropped = self._dropped, 0
        count(LOGS_DROPPED, dropped, by="supervisor")
        record = logging.makeLogRecord(
            {
                "name": "agentd.logs",
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": "log lines were dropped, for the output was not read",
                "action": "log_lines_dropped",
                "count": dropped,
            }
        )
        self._put(self.format(record))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            # A record that is nothing but its line: the target has no formatter of its own.
            self._target.handle(logging.makeLogRecord({"msg": line}))
