"""The host's socket and its clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.errors import DirectoryUnusable
from agentd.ipc.listener import BACKLOG, Acceptor, Peer
from agentd.ipc.stream import FrameStream
from agentd.protocol.model_frames import ToModelHost

from .client import Client
from .loaded import LoadedModels


class ModelServer:
    """Serves clients from its start to its end. `async with`; raises DirectoryUnusable.

    It takes the place of a host that still serves from before: that one keeps the clients that it
    has, and new ones come here.
    """

    def __init__(self, path: Path, models: LoadedModels) -> None:
        self._path = path
        self._models = models
        self._clients: dict[Client, asyncio.Task[None]] = {}
        self._tasks = TaskOwner("model-clients")
        self._acceptor: Acceptor | None = None
        self._inode = 0
        self._changed = Bell()

    async def __aenter__(self) -> ModelServer:
        sock, self._inode = _bind_in_place(self._path)
        self._acceptor = Acceptor(sock, self._let_in)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stop_listening()
        await self._tasks.aclose()

    async def wait_idle(self) -> None:
        """Let in no more clients, and wait until no call is under way."""
        self._stop_listening()
        for client in tuple(self._clients):
            await client.wait_idle()

    async def wait_forsaken(self, seconds: float) -> None:
        """Wait until no client comes any more: there has been none for so long, or they go to
        another host, which says so by a visit."""
        while True:
            await self._changed.until(lambda: not self._clients)
            if not self._is_found or await self._changed.stays(lambda: not self._clients, seconds):
                return

    @property
    def _is_found(self) -> bool:
        """Whether new clients come here; else another host has taken its place."""
        return _inode_of(self._path) == self._inode

    def _stop_listening(self) -> None:
        if self._acceptor is None:
            return
        self._acceptor.close()
        self._acceptor = None
        if self._is_found:
            self._path.unlink(missing_ok=True)

    def _let_in(self, sock: socket.socket, peer: Peer) -> None:
        client = Client(FrameStream(sock, ToModelHost), peer, self._models)
        task = self._tasks.start(client.run(), name=f"client-{peer.pid}")
        self._clients[client] = task
        self._changed.ring()
        task.add_done_callback(lambda _: self._let_go(client))

    def _let_go(self, client: Client) -> None:
        client.close()  # where it was cancelled before it began
        self._clients.pop(client, None)
        self._changed.ring()


def _bind_in_place(path: Path) -> tuple[socket.socket, int]:
    """A listening socket under a path, in one step with no moment without one; and its inode."""
    # Not longer than the names of the other sockets, whose length was checked.
    new = path.with_name(f".m{os.getpid()}")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        new.unlink(missing_ok=True)
        sock.bind(str(new))
        new.chmod(0o600)
        sock.listen(BACKLOG)
        inode = new.stat().st_ino
        with _visit(path):
            new.rename(path)
    except OSError as error:
        sock.close()
        raise DirectoryUnusable(
            f"can't make the socket {path}: {error.strerror or error}"
        ) from error
    sock.setblocking(False)
    return sock, inode


@contextlib.contextmanager
def _visit(path: Path) -> Iterator[None]:
    """Be a client of the host that is there now, if one is: when we go it finds itself replaced."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.connect(str(path))
        yield


def _inode_of(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
