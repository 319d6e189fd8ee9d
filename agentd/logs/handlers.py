"""Handlers that write lines: at once, or from a thread of their own."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Callable
from typing import Generic, TextIO, TypeVar

from agentd.figures import count
from agentd.figures.families import LOGS_DROPPED

Item = TypeVar("Item")


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each line at once and takes it calmly when nobody reads them any more."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop a line that can't be written: `agentd dev | head` must not fill the terminal."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class BackgroundHandler(logging.Handler, Generic[Item]):
    """Renders in the caller and writes in a thread, so that logging never waits.

    An output whose reader stands still (a stopped terminal, a journal under load) blocks
    its writer, and the supervisor's one event loop must not be that writer: offers would
    time out. Lines over the capacity are dropped and counted, as are those that could not be
    written; the count is logged when the output moves again.
    """

    def __init__(
        self,
        render: Callable[[logging.LogRecord], Item],
        write: Callable[[Item], object],
        *,
        capacity: int = 10_000,
        close_timeout: float = 2.0,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """`write` may block, and raises OSError for what it could not write. `done` is called by
        the thread after the last one."""
        super().__init__()
        self._render = render
        self._write_out = write
        self._done = done
        self._close_timeout = close_timeout
        self._lines: queue.Queue[Item | None] = queue.Queue(capacity)
        self._dropped = 0
        self._unwritten = 0
        """Counted by the thread alone."""
        self._told_unwritten = 0
        # A daemon thread: an output that is stuck for good must not keep the process.
        self._thread = threading.Thread(target=self._write, name="agentd-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record; never blocks. Called under the handler's lock."""
        self._report_dropped()
        self._put(self._render(record))

    def close(self) -> None:
        """Write what is queued, within the timeout given. May be repeated."""
        super().close()
        if self._thread.is_alive():
            try:
                self._lines.put(None, timeout=self._close_timeout)
            except queue.Full:
                return
            self._thread.join(self._close_timeout)

    def _put(self, line: Item) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def _report_dropped(self) -> None:
        unwritten = self._unwritten
        dropped = self._dropped + unwritten - self._told_unwritten
        if not dropped or self._lines.full():
            return
        self._dropped, self._told_unwritten = 0, unwritten
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
        self._put(self._render(record))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write_out(line)
            except OSError:  # nobody is there to read it; the next line may find somebody
                self._unwritten += 1
        self._done()


def background_lines(
    stream: TextIO,
    formatter: logging.Formatter,
    *,
    capacity: int = 10_000,
    close_timeout: float = 2.0,
) -> BackgroundHandler[str]:
    """Lines to a stream, from a thread of their own."""
    target = LineHandler(stream)

    def write(line: str) -> None:
        # A record that is nothing but its line: the target has no formatter of its own.
        target.handle(logging.makeLogRecord({"msg": line}))

    return BackgroundHandler(
        formatter.format, write, capacity=capacity, close_timeout=close_timeout
    )
