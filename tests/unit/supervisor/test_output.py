"""Bytes to lines, and a pipe's lines as they come."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.supervisor.output import LineCutter, OutputReader

texts = st.text(alphabet="ab\r\nå", max_size=60)


def lines_of(pieces: list[bytes], limit: int = 100) -> list[str]:
    """What comes out when these pieces go in."""
    cutter = LineCutter(limit)
    return [line for piece in pieces for line in cutter.feed(piece)] + cutter.finish()


@given(text=texts)
def test_lines_come_out_as_they_were_written(text: str) -> None:
    """Without their ends, whichever those are."""
    expected = [line.rstrip("\r") for line in text.split("\n")]

    lines = lines_of([text.encode()])

    assert lines == (expected if text.rpartition("\n")[2] else expected[:-1])


@given(text=texts, cuts=st.lists(st.integers(0, 120), max_size=8), limit=st.integers(1, 30))
def test_how_the_bytes_arrive_makes_no_difference(text: str, cuts: list[int], limit: int) -> None:
    """A line is a line, whole or in pieces."""
    data = text.encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]

    assert lines_of(pieces, limit) == lines_of([data], limit)


@given(data=st.binary(max_size=200), limit=st.integers(1, 30))
def test_no_line_is_longer_than_the_limit(data: bytes, limit: int) -> None:
    """A child can't fill the supervisor's memory with one line."""
    assert all(len(line) <= limit for line in lines_of([data], limit))


def test_a_long_line_is_cut_and_nothing_of_it_lost() -> None:
    """Its pieces are lines of their own."""
    assert lines_of([b"x" * 25 + b"\nshort\n"], limit=10) == ["x" * 10, "x" * 10, "x" * 5, "short"]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    """Never an error: it is only output."""
    assert lines_of([b"a\xffb\n"]) == ["a\N{REPLACEMENT CHARACTER}b"]


def test_an_empty_line_is_a_line() -> None:
    """People space their output."""
    assert lines_of([b"a\n\nb\n"]) == ["a", "", "b"]


async def test_the_last_half_line_comes_when_the_writer_is_gone() -> None:
    """A process may crash in the middle of it."""
    lines: list[str] = []
    reader = OutputReader(lines.append)
    os.write(reader.write_fd, b"whole\nhal")

    await reader.finish(5.0)

    assert lines == ["whole", "hal"]


async def test_a_pipe_that_somebody_else_holds_open_is_not_waited_for() -> None:
    """A grandchild may live on; what had arrived is told."""
    lines: list[str] = []
    reader = OutputReader(lines.append)
    held = os.dup(reader.write_fd)
    os.write(held, b"before")

    await reader.finish(0.05)

    os.close(held)
    assert lines == ["before"]


async def test_closing_twice_is_closing_once() -> None:
    """And leaves both ends closed."""
    reader = OutputReader(lambda _line: None)
    write_fd = reader.write_fd
    reader.close()

    reader.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(write_fd)
