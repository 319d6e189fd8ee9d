"""Two ends of one Unix connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connected pair: ours, for the code under test, and the other side's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    theirs.settimeout(20.0)
    yield ours, theirs
    ours.close()
    theirs.close()
