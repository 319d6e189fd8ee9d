"""What waits for a slow reader, in which order it leaves, and what is dropped."""

from __future__ import annotations

import socket

import pytest

from agentd.ipc.outbox import MAX_CONTROL_BYTES, MAX_LOW_PRIORITY, Outbox, OutboxFull

from .conftest import Ends

BLOCK = 512 * 1024


@pytest.fixture
def outbox(ends: Ends) -> Outbox:
    """An outbox whose reader has not begun to read."""
    ends[0].setblocking(False)
    return Outbox(ends[0])


def drain(outbox: Outbox, reader: socket.socket) -> bytes:
    """Read all that ever comes out."""
    reader.setblocking(False)
    data, empty = bytearray(), False
    while not empty:
        empty = outbox.flush()
        data += read_now(reader)
    return bytes(data)


def read_now(reader: socket.socket) -> bytes:
    """What is there at this moment."""
    data = bytearray()
    try:
        while chunk := reader.recv(1 << 20):
            data += chunk
    except BlockingIOError:
        pass
    return bytes(data)


def test_a_frame_is_written_at_once_when_there_is_room(outbox: Outbox, ends: Ends) -> None:
    """No loop and no task is needed: a crash right after loses nothing."""
    assert outbox.push(bytearray(b"hello"))
    assert outbox.empty
    assert read_now_blocking(ends[1]) == b"hello"


def read_now_blocking(reader: socket.socket) -> bytes:
    """The next bytes, within the socket's own deadline."""
    return reader.recv(100)


def test_control_frames_go_before_low_priority_ones(outbox: Outbox, ends: Ends) -> None:
    """But never into the middle of one that has been begun."""
    outbox.push(bytearray(b"a" * BLOCK))
    outbox.push_low(bytearray(b"L"))
    outbox.push(bytearray(b"C"))

    data = drain(outbox, ends[1])

    assert data == b"a" * BLOCK + b"C" + b"L"


def test_a_low_priority_frame_that_was_begun_is_finished_first(outbox: Outbox, ends: Ends) -> None:
    """A stream of bytes allows nothing else."""
    outbox.push_low(bytearray(b"L" * BLOCK))
    outbox.push(bytearray(b"C"))

    assert drain(outbox, ends[1]) == b"L" * BLOCK + b"C"


def test_low_priority_frames_over_the_limit_are_dropped(outbox: Outbox) -> None:
    """The reader stands still; memory does not grow."""
    outbox.push(bytearray(b"a" * BLOCK))
    taken = [outbox.push_low(bytearray(b"L"))[0] for _ in range(MAX_LOW_PRIORITY + 5)]

    assert taken == [True] * MAX_LOW_PRIORITY + [False] * 5


def test_a_reader_far_behind_counts_as_gone(outbox: Outbox) -> None:
    """Control frames are never dropped, so there is an end to how many may wait."""
    blocks = MAX_CONTROL_BYTES // BLOCK
    outbox.push(bytearray(b"a" * BLOCK))
    for _ in range(blocks):
        outbox.push(bytearray(b"a" * BLOCK))

    with pytest.raises(OutboxFull):
        outbox.push(bytearray(b"a" * BLOCK))


def test_what_was_written_makes_room_again(outbox: Outbox, ends: Ends) -> None:
    """The bound is on what waits, not on what was ever sent."""
    for _ in range(3 * MAX_CONTROL_BYTES // BLOCK // 2):
        outbox.push(bytearray(b"a" * BLOCK))
        drain(outbox, ends[1])

    assert outbox.empty


def test_a_reader_that_is_gone_is_an_error(outbox: Outbox, ends: Ends) -> None:
    """The owner decides what that means."""
    ends[1].close()

    with pytest.raises(OSError, match="Broken pipe"):
        outbox.push(bytearray(b"x"))
