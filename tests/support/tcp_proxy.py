"""A TCP proxy in front of the LiveKit server, which can cut connections and hold requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

WORKER_PATH = b" /agent"
"""The daemon's connection asks for this path, a room's for /rtc."""


class TcpProxy:
    """Passes bytes on, and knows which connections are workers'."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._workers: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._open = True
        self._server: asyncio.Server | None = None
        self.refused = 0
        """Workers' connections that were turned away."""
        self.hold = b""
        """A request with this in it is not passed on, nor what comes after it."""
        self.held = asyncio.Event()
        """Set once there was one."""
        self._kept: list[tuple[asyncio.StreamWriter, bytes]] = []

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://{host}:{port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def aclose(self) -> None:
        """Cut what is left of the connections."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    def cut_workers(self) -> None:
        """Break the daemons' connections, without a word, and let none come back."""
        self._open = False
        for writer in list(self._workers):
            writer.transport.abort()

    def let_workers_in(self) -> None:
        """Take daemons' connections again."""
        self._open = True

    def release(self) -> None:
        """Hold nothing any more, and pass on what was held."""
        self.hold = b""
        kept, self._kept = self._kept, []
        for writer, data in kept:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        try:
            await self._pass_on(reader, writer)
        finally:
            self._writers.discard(writer)
            self._serving.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readline()
            if WORKER_PATH in first:
                if not self._open:
                    self.refused += 1
                    writer.transport.abort()
                    return
                self._workers.add(writer)
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            self._writers.add(there_writer)
            there = self._unless_held(there_writer)
            there(first)
            async with asyncio.TaskGroup() as group:
                group.create_task(pass_on(reader, there_writer, there))
                group.create_task(pass_on(there_reader, writer, writer.write))
            self._writers.discard(there_writer)
        self._workers.discard(writer)

    def _unless_held(self, writer: asyncio.StreamWriter) -> Callable[[bytes], None]:
        """Writes to one connection until a request is to be held: a client sends one at once."""
        holding = False

        def write(data: bytes) -> None:
            nonlocal holding
            if self.hold and self.hold in data:
                holding = True
                self.held.set()
            if holding and self.hold:
                self._kept.append((writer, data))
            else:
                writer.write(data)

        return write


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, write: Callable[[bytes], None]
) -> None:
    """Copy bytes until one side is gone, then close the other."""
    with suppress(OSError):
        while data := await reader.read(65536):
            write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[TcpProxy]:
    """A proxy for the length of a block."""
    proxy = TcpProxy(host, port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.aclose()
