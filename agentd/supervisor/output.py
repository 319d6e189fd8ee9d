"""What a process writes to its standard output and error, line by line."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping
from typing import Protocol

from agentd.aio.timing import wait_event
from agentd.masking import blotted, masked
from agentd.protocol.frames import Log, LogValue

READ_BYTES = 64 * 1024
MAX_LINE_BYTES = 16 * 1024
HELD_BYTES = 4 * 1024
"""The end of a long line that waits for what follows: half a secret is not known as one."""
PIPE_BYTES = 1024 * 1024
"""Capacity asked of the kernel, so that a burst of prints does not fill it."""

F_SETPIPE_SZ = 1031  # linux/fcntl.h


class RecordSink(Protocol):
    """Where the records and the printed lines of processes go, with fields that say whose."""

    def record(self, frame: Log, fields: Mapping[str, LogValue]) -> None: ...

    def line(self, text: str, fields: Mapping[str, LogValue]) -> None: ...


class LineCutter:
    """Cuts a stream of bytes into lines of text, known secrets masked.

    A line over the limit is cut there.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take what arrived and return the lines that are whole now, without their ends."""
        *whole, rest = (self._rest + data).split(b"\n")
        pieces = [piece for line in whole for piece in self._cut(line)]
        begun, self._rest = self._begun(rest)
        return [self._text(piece) for piece in (*pieces, *begun)]

    def finish(self) -> list[str]:
        """The last line, if it had no end."""
        rest, self._rest = self._rest, b""
        return [self._text(piece) for piece in self._cut(rest)] if rest else []

    def _begun(self, line: bytes) -> tuple[list[bytes], bytes]:
        """What can be handed on of a line that has not ended, and what is left of it."""
        ready = (len(line) - HELD_BYTES) // self._limit * self._limit
        if ready <= 0:
            return [], line
        line = blotted(line)
        return self._cut(line[:ready]), line[ready:]

    def _cut(self, line: bytes) -> list[bytes]:
        if len(line) > self._limit:
            line = blotted(line)  # before a cut can go through a secret
        starts = range(0, max(len(line), 1), self._limit)
        return [line[start : start + self._limit] for start in starts]

    @staticmethod
    def _text(line: bytes) -> str:
        return masked(line.rstrip(b"\r").decode("utf-8", "replace"))


class OutputReader:
    """Reads one pipe until its last writer is gone, handing on each line as it comes.

    The pipe keeps what a process wrote right before it crashed.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._cutter = LineCutter()
        self._ended = asyncio.Event()
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        _enlarge(self._read_fd)
        asyncio.get_running_loop().add_reader(self._read_fd, self._on_readable)

    def close_write_end(self) -> None:
        """Our copy of the end that was given to the process; may be repeated."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    async def finish(self, timeout: float) -> None:
        """Wait for the rest, up to `timeout` seconds: a grandchild may hold the pipe open."""
        self.close_write_end()
        await wait_event(self._ended, timeout)
        self.close()

    def close(self) -> None:
        """Stop reading; may be repeated."""
        self.close_write_end()
        if self._read_fd < 0:
            return
        asyncio.get_running_loop().remove_reader(self._read_fd)
        os.close(self._read_fd)
        self._read_fd = -1
        self._hand_on(self._cutter.finish())
        self._ended.set()

    def _on_readable(self) -> None:
        try:
            data = os.read(self._read_fd, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        self._hand_on(self._cutter.feed(data))

    def _hand_on(self, lines: list[str]) -> None:
        for line in lines:
            self._on_line(line)


def _enlarge(fd: int) -> None:
    try:
        fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:  # over this user's quota (pipe(7)): the usual 64 KiB then
        return
