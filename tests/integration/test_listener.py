"""Who may connect to the supervisor's socket, and what becomes of the others."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import stat
import sys
from pathlib import Path

import pytest

from agentd.errors import AlreadyRunning, DirectoryUnusable
from agentd.ipc import listener as listening
from agentd.ipc.listener import ChildStream, Listener, Peer, bind_unix
from agentd.protocol.codec import encode
from agentd.protocol.frames import Hello, Pong
from agentd.protocol.ids import ChildId

DEADLINE = 20.0
HELLO = Hello(version=1, child_id=ChildId("c1"), pid=4711)


class Door:
    """Takes the hellos that a listener lets through."""

    def __init__(self) -> None:
        self.guests: asyncio.Queue[tuple[Hello, Peer, ChildStream]] = asyncio.Queue()

    def open(self, hello: Hello, peer: Peer, stream: ChildStream) -> None:
        """Somebody came in."""
        self.guests.put_nowait((hello, peer, stream))

    async def next(self) -> tuple[Hello, Peer, ChildStream]:
        """The next guest."""
        async with asyncio.timeout(DEADLINE):
            return await self.guests.get()


@pytest.fixture
def path(workdir: Path) -> Path:
    """Where the socket is."""
    return workdir / "s"


def knock(path: Path, data: bytes = b"") -> socket.socket:
    """Connect and say something."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    sock.sendall(data)
    sock.setblocking(False)
    return sock


async def answer(sock: socket.socket) -> bytes:
    """What the listener says; nothing when it hangs up."""
    async with asyncio.timeout(DEADLINE):
        return await asyncio.get_running_loop().sock_recv(sock, 100)


async def test_a_hello_is_handed_on_with_the_kernel_s_word_of_who_it_is(path: Path) -> None:
    """The pid in the frame can be forged, the peer's can't."""
    door = Door()
    async with Listener(path, door.open):
        with knock(path, bytes(encode(HELLO))):
            hello, peer, stream = await door.next()
            stream.close()

    assert hello == HELLO
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())


@pytest.mark.parametrize(
    "data",
    [bytes(encode(Pong(seq=1))), b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x01\xc1"],
    ids=["another frame", "another protocol", "garbage"],
)
async def test_whoever_begins_otherwise_is_turned_away(
    path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The line says who it was, and the door stays open for others."""
    door = Door()
    async with Listener(path, door.open):
        with knock(path, data) as stranger:
            said = await answer(stranger)
        with knock(path, bytes(encode(HELLO))):
            (await door.next())[2].close()

    assert said == b""
    assert [record.__dict__["peer_pid"] for record in caplog.records] == [os.getpid()]


async def test_whoever_says_nothing_is_turned_away_in_time(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A silent connection would else be kept for ever."""
    monkeypatch.setattr(listening, "HELLO_TIMEOUT", 0.05)

    async with Listener(path, Door().open):
        with knock(path) as silent:
            said = await answer(silent)

    assert said == b""
    assert caplog.records[0].__dict__["reason"] == "it said nothing"


async def test_a_silent_peer_holds_up_nobody(path: Path) -> None:
    """The next one is greeted meanwhile."""
    door = Door()
    async with Listener(path, door.open):
        with knock(path), knock(path, bytes(encode(HELLO))):
            hello, _, stream = await door.next()
            stream.close()

    assert hello == HELLO


async def test_a_hello_in_pieces_is_a_hello(path: Path) -> None:
    """A socket may cut anywhere."""
    data, door = bytes(encode(HELLO)), Door()
    async with Listener(path, door.open):
        with knock(path, data[:3]) as sock:
            sock.sendall(data[3:])
            hello, _, stream = await door.next()
            stream.close()

    assert hello == HELLO


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_another_user_is_refused(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Even where the socket's mode would let him in."""
    code = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(1);"
        "s.connect(sys.argv[1]); s.settimeout(20); sys.exit(len(s.recv(1)))"
    )
    async with Listener(path, Door().open):
        path.parent.chmod(0o755)
        path.chmod(0o666)
        stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(path))
        async with asyncio.timeout(DEADLINE):
            hung_up = await stranger.wait()

    assert hung_up == 0
    assert [record.__dict__["peer_uid"] for record in caplog.records] == [65534]


async def test_only_our_user_can_reach_the_socket(path: Path) -> None:
    """By its mode, whatever the umask."""
    before = os.umask(0)
    async with Listener(path, Door().open):
        mode = stat.S_IMODE(path.stat().st_mode)
    os.umask(before)

    assert mode == 0o600


async def test_the_socket_s_file_goes_with_the_listener(path: Path) -> None:
    """Nothing is left behind."""
    async with Listener(path, Door().open):
        pass

    assert list(path.parent.iterdir()) == []


def test_a_file_that_a_dead_daemon_left_is_replaced(path: Path) -> None:
    """A crash must not keep the next start from working."""
    bind_unix(path).close()

    with bind_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_file_that_is_no_socket_is_replaced(path: Path) -> None:
    """The runtime directory is ours."""
    path.write_text("what is this?")

    with bind_unix(path):
        assert path.is_socket()


def test_a_daemon_that_lives_is_not_robbed(path: Path) -> None:
    """The error says what to do; the other's socket still works."""
    with bind_unix(path):
        with pytest.raises(AlreadyRunning, match="AGENTD_RUNTIME_DIR"):
            bind_unix(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_daemon_that_stands_still_is_not_robbed_either(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its backlog is full and nobody accepts, but it is there."""
    monkeypatch.setattr(listening, "BACKLOG", 0)
    with bind_unix(path), knock(path), pytest.raises(AlreadyRunning):
        bind_unix(path)


@pytest.mark.parametrize("name", ["missing/s", "x" * 120])
def test_a_socket_that_can_not_be_made_is_told_with_a_remedy(workdir: Path, name: str) -> None:
    """No folder, or a path too long for a socket."""
    with pytest.raises(DirectoryUnusable, match="AGENTD_RUNTIME_DIR"):
        bind_unix(workdir / name)


async def test_running_out_of_descriptors_keeps_a_guest_waiting_and_loses_none(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop does not spin meanwhile: the next try is said and comes after a rest."""
    door = Door()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Listener(path, door.open):
        with knock(path, bytes(encode(HELLO))):
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            await asyncio.sleep(0)
            await asyncio.sleep(0.05)  # a try, and not hundreds
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            hello, _, stream = await door.next()
            stream.close()

    tries = [
        record for record in caplog.records if getattr(record, "action", "") == "accept_failed"
    ]
    assert hello == HELLO
    assert len(tries) == 1


async def test_a_listener_that_closes_hangs_up_on_who_has_said_nothing(path: Path) -> None:
    """No socket is left to the garbage collector, not even one that came at the last moment."""
    async with Listener(path, Door().open):
        sock = knock(path)
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # accepted, and the greeting has not yet begun

    with sock:
        assert await answer(sock) == b""
