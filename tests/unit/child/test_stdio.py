"""A job's prints: there at once, and never in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agentd.child.stdio import ATOMIC_BYTES, DroppingPipe

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Both ends of a pipe."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_what_fits_is_written(pipe: Pipe) -> None:
    """All of it, in order."""
    stream = DroppingPipe(pipe[1])

    written = stream.write(b"one\ntwo\n")

    assert (written, os.read(pipe[0], 100), stream.dropped_bytes) == (8, b"one\ntwo\n", 0)


def test_ten_megabytes_that_nobody_reads_do_not_block(pipe: Pipe) -> None:
    """What does not fit is dropped and counted; the beginning is there."""
    stream = DroppingPipe(pipe[1])
    data = b"x" * 10_000_000

    written = stream.write(data)

    os.set_blocking(pipe[0], False)
    kept = len(os.read(pipe[0], len(data)))
    assert written == len(data)
    assert kept >= ATOMIC_BYTES
    assert kept + stream.dropped_bytes == len(data)


def test_writing_goes_on_when_the_reader_has_caught_up(pipe: Pipe) -> None:
    """A slow supervisor costs lines, not the rest of the output."""
    stream = DroppingPipe(pipe[1])
    stream.write(b"x" * 1_000_000)
    os.read(pipe[0], 1_000_000)

    stream.write(b"later")

    assert os.read(pipe[0], 100) == b"later"


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    """The supervisor may have died; the call goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = DroppingPipe(writing)

    written = stream.write(b"hello")

    os.close(writing)
    assert (written, stream.dropped_bytes) == (5, 5)


def test_the_descriptor_stays_blocking(pipe: Pipe) -> None:
    """Programs that the job starts inherit it and know nothing of dropping."""
    DroppingPipe(pipe[1]).write(b"x")

    assert os.get_blocking(pipe[1])


@pytest.mark.parametrize(
    "statement",
    [
        "print('said', end='')",
        "sys.stdout.write('said')",
        "print('said', end='', file=sys.stderr)",
        "sys.stdout.buffer.write(b'said')",
        "os.write(1, b'said')",
    ],
)
def test_half_a_line_before_a_crash_has_left_the_process(statement: str) -> None:
    """Nothing waits in a buffer for a newline that never comes."""
    code = (
        "import os, signal, sys\n"
        "from agentd.child.stdio import take_over_stdio\n"
        "take_over_stdio()\n"
        f"{statement}\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=30,
    )

    assert ended.stdout == b"said"


def test_text_that_utf8_can_not_carry_is_shown_escaped() -> None:
    """A print never raises for what it is given."""
    code = "from agentd.child.stdio import take_over_stdio\ntake_over_stdio()\nprint('a\\udcffb')\n"

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert ended.stdout == "a\\udcffb\n"
