"""The Unix socket that children connect to.

Whoever connects must be of our own user (SO_PEERCRED, which can't be forged) and say
`Hello` within a few seconds; what becomes of it then is the owner's business.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import AgentdError, AlreadyRunning, DirectoryUnusable
from agentd.protocol.frames import FromChild, Hello

from .stream import FrameStream

logger = logging.getLogger("agentd.ipc")

HELLO_TIMEOUT = 5.0
BACKLOG = 128

NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
REST = 1.0
"""Seconds before the next try when descriptors or memory have run out."""

ChildStream = FrameStream[FromChild]


class Peer(Struct, frozen=True):
    """Who is on the other side, by the kernel's word."""

    pid: int
    uid: int
    gid: int


def peer_of(sock: socket.socket) -> Peer:
    """The process that made a Unix connection."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", raw))


HelloHandler = Callable[[Hello, Peer, ChildStream], None]


class Acceptor:
    """Hands on each connection until it is closed; needs the running loop, and owns the socket."""

    def __init__(
        self, sock: socket.socket, on_connection: Callable[[socket.socket, Peer], None]
    ) -> None:
        self._sock: socket.socket | None = sock
        self._on_connection = on_connection
        self._resting: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Accept no more. May be repeated."""
        if self._resting is not None:
            self._resting.cancel()
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _accept(self) -> None:
        assert self._sock is not None
        try:
            sock, _ = self._sock.accept()
        except OSError as error:
            if error.errno in NO_RESOURCES:
                self._rest(error)
            return  # otherwise the other side has gone again
        peer = peer_of(sock)
        if peer.uid not in (os.getuid(), 0):
            logger.warning(
                "connection of another user refused",
                extra={"action": "peer_refused", "peer_pid": peer.pid, "peer_uid": peer.uid},
            )
            sock.close()
            return
        self._on_connection(sock, peer)

    def _rest(self, error: OSError) -> None:
        """Out of descriptors: the caller stays in the backlog, and asking at once is no use."""
        logger.error(
            "a child could not be let in; trying again",
            extra={"action": "accept_failed", "reason": error.strerror, "retry_in": REST},
        )
        loop = asyncio.get_running_loop()
        if self._sock is not None:
            loop.remove_reader(self._sock.fileno())
        self._resting = loop.call_later(REST, self._listen)

    def _listen(self) -> None:
        self._resting = None
        if self._sock is not None:
            asyncio.get_running_loop().add_reader(self._sock.fileno(), self._accept)


class Listener:
    """Accepts connections until closed. `async with` starts and ends it."""

    def __init__(self, path: Path, on_hello: HelloHandler) -> None:
        self._path = path
        self._on_hello = on_hello
        self._acceptor: Acceptor | None = None
        self._greetings = TaskOwner("listener")
        self._strangers: set[ChildStream] = set()
        """Connections that have not said hello; a greeting may be cancelled before it began."""

    async def __aenter__(self) -> Listener:
        self._acceptor = Acceptor(bind_unix(self._path), self._let_in)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._greetings.aclose()
        for stream in self._strangers:
            stream.close()
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
            self._path.unlink(missing_ok=True)

    def _let_in(self, sock: socket.socket, peer: Peer) -> None:
        stream: ChildStream = FrameStream(sock, FromChild)
        self._strangers.add(stream)
        self._greetings.start(self._greet(stream, peer), name=f"hello-{peer.pid}")

    async def _greet(self, stream: ChildStream, peer: Peer) -> None:
        try:
            frame = await within(now() + HELLO_TIMEOUT, stream.receive())
        except (AgentdError, TimeoutError) as error:
            self._turn_away(stream, peer, str(error) or "it said nothing")
            return
        if not isinstance(frame, Hello):
            self._turn_away(stream, peer, f"its first frame was {type(frame).__name__}")
            return
        self._strangers.discard(stream)
        self._on_hello(frame, peer, stream)

    def _turn_away(self, stream: ChildStream, peer: Peer, why: str) -> None:
        logger.warning(
            "connection turned away",
            extra={"action": "hello_failed", "peer_pid": peer.pid, "reason": why},
        )
        self._strangers.discard(stream)
        stream.close()


def bind_unix(path: Path) -> socket.socket:
    """A listening socket that only our user can reach.

    A file left by a dead daemon is replaced; raises AlreadyRunning when somebody still
    listens there, DirectoryUnusable when it can't be made.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if path.exists() and _someone_listens(path):
            raise AlreadyRunning(
                f"another daemon already uses {path.parent}: stop it, or give this one its own "
                "runtime directory with AGENTD_RUNTIME_DIR"
            )
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise DirectoryUnusable(
            f"can't make the socket {path}: {error.strerror or error}; "
            "set AGENTD_RUNTIME_DIR to a directory that can be written"
        ) from error
    except AlreadyRunning:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _someone_listens(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(str(path))
    except (BlockingIOError, TimeoutError):
        return True  # its backlog is full: a daemon that is stopped or busy, but there
    except OSError:
        return False
    finally:
        probe.close()
    return True
