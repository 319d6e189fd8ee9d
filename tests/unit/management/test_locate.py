"""Whose socket is asked, and how the end of a process is waited for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.errors import ControlError
from agentd.ipc.listener import Peer
from agentd.management import locate
from agentd.management.locate import FoundDaemon, ProcessEnd, probe

ME = 1000


@pytest.fixture
def listening(workdir: Path) -> Iterator[Path]:
    """A socket with somebody behind it."""
    path = workdir / "control.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        yield path


def test_the_process_behind_a_socket_is_known(listening: Path) -> None:
    """By the kernel's word."""
    assert probe(listening) == FoundDaemon(path=listening, pid=os.getpid())


@pytest.mark.parametrize(
    ("asking", "serving"), [(ME, ME), (ME, 0), (0, ME)], ids=["our own", "root's", "root asks"]
)
def test_our_own_socket_and_roots_are_asked(
    listening: Path, monkeypatch: pytest.MonkeyPatch, asking: int, serving: int
) -> None:
    """And root may ask everybody's."""
    monkeypatch.setattr(os, "getuid", lambda: asking)
    monkeypatch.setattr(locate, "peer_of", lambda _: Peer(pid=7, uid=serving, gid=1))

    assert probe(listening) == FoundDaemon(path=listening, pid=7)


def test_a_strangers_socket_is_not_asked(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """He may have made our folder in /tmp before us."""
    monkeypatch.setattr(os, "getuid", lambda: ME)
    monkeypatch.setattr(locate, "peer_of", lambda _: Peer(pid=7, uid=1001, gid=1))

    with pytest.raises(ControlError, match=r"served by another user \(uid 1001\)"):
        probe(listening)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (PermissionError(13, "Permission denied"), "as the user that the daemon runs as"),
        (BlockingIOError(11, "again"), "stopped or overloaded"),
        (OSError(36, "File name too long"), "File name too long"),
    ],
    ids=["not ours", "its backlog is full", "anything else"],
)
def test_a_socket_that_can_not_be_reached_is_told(
    listening: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, words: str
) -> None:
    """It is not the same as no daemon."""

    def connect(_: socket.socket, __: str) -> None:
        raise fault

    monkeypatch.setattr(socket.socket, "connect", connect)

    with pytest.raises(ControlError, match=words):
        probe(listening)


def test_the_end_of_a_process_is_seen() -> None:
    """Not before, and at once."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    with ProcessEnd(process.pid) as end:
        before = end.wait(0)
        process.communicate(timeout=30)
        after = end.wait(5.0)

    assert (before, after) == (False, True)


@pytest.mark.parametrize("pid", [0, -1])
def test_a_process_of_another_container_is_not_waited_for(pid: int) -> None:
    """Its number means nothing here."""
    with ProcessEnd(pid) as end:
        assert end.wait(60.0)
