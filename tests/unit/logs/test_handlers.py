"""Writing lines without ever holding up the caller."""

from __future__ import annotations

import io
import logging
import threading

from agentd.logs.handlers import BackgroundHandler, background_lines

PLAIN = logging.Formatter("%(message)s")


class StuckStream(io.StringIO):
    """An output that nobody reads until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()
        self.written = threading.Semaphore(0)

    def write(self, text: str) -> int:
        self.entered.set()
        assert self.released.wait(5)
        self.written.release()
        return super().write(text)


def record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message})


def test_closing_writes_what_is_queued_in_order() -> None:
    """Nothing is lost at a normal end, and closing again is fine."""
    stream = io.StringIO()
    handler = background_lines(stream, PLAIN)
    lines = [str(number) for number in range(100)]

    for line in lines:
        handler.handle(record(line))
    handler.close()
    handler.close()

    assert stream.getvalue().split() == lines


def test_a_stuck_output_holds_nobody_up() -> None:
    """Lines over the capacity are dropped at once and counted when the output moves again."""
    stream = StuckStream()
    handler = background_lines(stream, PLAIN, capacity=2)
    handler.handle(record("written"))
    assert stream.entered.wait(5)

    for message in ("queued-1", "queued-2", "lost-1", "lost-2"):
        handler.handle(record(message))
    stream.released.set()
    handler.close()

    assert stream.getvalue().split() == ["written", "queued-1", "queued-2"]


def test_the_number_of_dropped_lines_is_told() -> None:
    """A gap in the log says that it is one."""
    stream = StuckStream()
    counted = logging.Formatter("%(message)s %(count)s", defaults={"count": ""})
    handler = background_lines(stream, counted, capacity=3)
    handler.handle(record("written"))
    assert stream.entered.wait(5)
    for message in ("a", "b", "c", "lost-1", "lost-2"):
        handler.handle(record(message))

    stream.released.set()
    assert all(stream.written.acquire(timeout=20) for _ in range(4))
    handler.handle(record("after"))
    handler.close()

    assert "log lines were dropped, for the output was not read 2" in stream.getvalue()
    assert stream.getvalue().split()[-1] == "after"


def test_an_output_that_stays_stuck_does_not_keep_the_process() -> None:
    """Closing gives up after its timeout."""
    stream = StuckStream()
    handler = background_lines(stream, PLAIN, close_timeout=0.05)
    handler.handle(record("never"))
    assert stream.entered.wait(5)

    handler.close()

    assert stream.getvalue() == ""
    stream.released.set()


def test_what_could_not_be_written_is_counted_too() -> None:
    """An output that is gone for a while costs its lines, and no more."""
    written: list[str] = []
    seen = threading.Semaphore(0)

    def write(text: str) -> None:
        seen.release()
        if text == "lost":
            raise OSError
        written.append(text)

    handler = BackgroundHandler(logging.Formatter("%(message)s").format, write)
    handler.handle(record("lost"))
    handler.handle(record("lost"))
    handler.handle(record("first"))
    assert all(seen.acquire(timeout=20) for _ in range(3))

    handler.handle(record("last"))
    handler.close()

    assert written == ["first", "log lines were dropped, for the output was not read", "last"]
