"""Standard output and error of a child: a pipe to the supervisor that never blocks a job."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, cast

from agentd.masking import masked

if TYPE_CHECKING:
    from typing_extensions import Buffer

ATOMIC_BYTES = 4096
"""PIPE_BUF on Linux (pipe(7)): a pipe that polls writable takes so much without blocking."""


class DroppingPipe(io.RawIOBase):
    """A raw stream on a pipe that drops what does not fit.

    A print must never hold up a job because the supervisor is slow, stopped or gone. The
    descriptor itself stays blocking, since subprocesses inherit it and expect that.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped_bytes = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), ATOMIC_BYTES):
            self._write_chunk(view[start : start + ATOMIC_BYTES])
        return len(view)

    def _write_chunk(self, chunk: memoryview) -> None:
        ready = self._poll.poll(0)
        if not ready or ready[0][1] & select.POLLERR:
            self.dropped_bytes += len(chunk)
            return
        try:
            os.write(self._fd, chunk)
        except OSError:  # the reader is gone; there is nobody to tell
            self.dropped_bytes += len(chunk)


class MaskedText(io.TextIOWrapper):
    """A text stream that masks what is known here to be secret.

    The supervisor masks what it knows itself, in what programs and native code write too; keys
    that only this process has got, from a `.env` for instance, are known here alone.
    """

    def write(self, text: str, /) -> int:
        super().write(masked(text))
        return len(text)


def take_over_stdio() -> None:
    """Put dropping streams in place of `sys.stdout` and `sys.stderr`."""
    sys.stdout = _text_stream(1)
    sys.stderr = _text_stream(2)


def redirect_output(fd: int) -> None:
    """Make this descriptor the standard output and error, and close it.

    The streams that were taken over go on with it, since they know 1 and 2 by number.
    """
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def drop_output_without_reader() -> None:
    """Write to nowhere if nobody can read standard output and error any more.

    Python ignores SIGPIPE and our own streams bear a failed write, but native code may not,
    and a program that the user's code starts would be ended by the signal.
    """
    if any(_reader_is_gone(fd) for fd in (1, 2)):
        redirect_output(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))


def _reader_is_gone(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    ready = poll.poll(0)
    return bool(ready) and bool(ready[0][1] & select.POLLERR)


def _text_stream(fd: int) -> io.TextIOWrapper:
    # Nothing is held back, not even half a line: it may be the last word before a crash.
    return MaskedText(
        cast("io.BufferedWriter", DroppingPipe(fd)),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )
