"""A model host in the test's own loop, which does to its clients what a test says."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.errors import ChannelError
from agentd.ipc.listener import Acceptor, Peer, bind_unix
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import PROTOCOL_VERSION
from agentd.protocol.model_frames import (
    HostHello,
    ModelAnswer,
    ModelCall,
    ModelHello,
    ToModelHost,
)

KEY = "toy-00000000"
"""Of the one model that it has."""

MAX_FRAMES = 100


class Visit:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream: FrameStream[ToModelHost] = FrameStream(sock, ToModelHost)

    async def greet(self, version: int = PROTOCOL_VERSION) -> None:
        """Exchange hellos."""
        assert isinstance(await self.stream.receive(), ModelHello)
        self.stream.send_nowait(HostHello(version=version, pid=1, models=[KEY]))

    async def call(self) -> ModelCall:
        """The next frame, which must be a call."""
        frame = await self.stream.receive()
        assert isinstance(frame, ModelCall)
        return frame

    def answer(self, call: ModelCall, data: bytes) -> None:
        """Answer it."""
        self.stream.send_nowait(ModelAnswer(call=call.call, data=data))

    async def echo(self) -> None:
        """Greet, and give back all that is asked, until the client goes."""
        await self.greet()
        while True:
            call = await self.call()
            self.answer(call, call.request)

    def send_rubbish(self) -> None:
        """What is no frame."""
        self.sock.send(b"\x00\x00\x00\x02\xc1\xc1")


Script = Callable[[Visit], Awaitable[object]]
"""What is done to one client; its connection is closed after."""


class MadeHost:
    """Does the first script to the first client, and so on; the last one to all further ones."""

    def __init__(self, path: Path, scripts: tuple[Script, ...]) -> None:
        self.visits: list[Visit] = []
        self._scripts = scripts
        self._tasks = TaskOwner("made-host")
        self._acceptor = Acceptor(bind_unix(path), self._let_in)
        self.ended: Channel[Visit] = Channel(MAX_FRAMES)
        """Connections that are over, in their order."""

    def _let_in(self, sock: socket.socket, _peer: Peer) -> None:
        visit = Visit(sock)
        script = self._scripts[min(len(self.visits), len(self._scripts) - 1)]
        self.visits.append(visit)
        self._tasks.start(self._play(script, visit), name="visit")

    async def _play(self, script: Script, visit: Visit) -> None:
        try:
            await script(visit)
        except ChannelError:
            return  # the client went first
        finally:
            visit.stream.close()
            self.ended.send_nowait(visit)

    async def aclose(self) -> None:
        """Be gone."""
        self._acceptor.close()
        await self._tasks.aclose()


@asynccontextmanager
async def made_host(path: Path, *scripts: Script) -> AsyncIterator[MadeHost]:
    """A host for the length of a block."""
    host = MadeHost(path, scripts)
    try:
        yield host
    finally:
        await host.aclose()
