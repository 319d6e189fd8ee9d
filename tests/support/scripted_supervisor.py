"""A supervisor of the test's own: it does with each child that comes what it is told."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TypeVar

from agentd.aio.timing import now, within
from agentd.ipc.listener import ChildStream, Listener, Peer
from agentd.protocol.frames import Adopted, Frame, FromChild, Hello, Ping, Pong

from .changes import DEADLINE

FrameT = TypeVar("FrameT", bound=Frame)


class Output:
    """Reads a pipe that a child writes to."""

    def __init__(self) -> None:
        self._reading, self.write_fd = os.pipe()
        self._text = ""
        os.set_blocking(self._reading, False)

    def given_away(self) -> None:
        """The child has the writing end now, and nobody else."""
        os.close(self.write_fd)

    async def until(self, text: str) -> str:
        """All that was written, up to and with this text."""
        loop = asyncio.get_running_loop()
        while text not in self._text:
            more = asyncio.Event()
            loop.add_reader(self._reading, more.set)
            try:
                await within(now() + DEADLINE, more.wait())
            finally:
                loop.remove_reader(self._reading)
            self._text += os.read(self._reading, 1 << 16).decode()
        said, _, self._text = self._text.partition(text)
        return said + text

    def close(self) -> None:
        """Nobody reads any more."""
        os.close(self._reading)


class Visit:
    """One connection of a child, from its hello on."""

    def __init__(self, hello: Hello, stream: ChildStream) -> None:
        self.hello = hello
        self.stream = stream
        self.others: list[FromChild] = []
        """What came and was not waited for."""

    async def next(self, kind: type[FrameT]) -> FrameT:
        """The next frame of this type; those before it are kept in `others`."""
        while True:
            frame = await within(now() + DEADLINE, self.stream.receive())
            if isinstance(frame, kind):
                return frame
            self.others.append(frame)

    async def ping(self) -> None:
        """Wait until all that the child sent before has come."""
        self.stream.send_nowait(Ping(seq=1))
        await self.next(Pong)

    def adopt(self) -> Output:
        """Let the child go on, with a new output."""
        output = Output()
        self.stream.send_nowait(Adopted(), fds=[output.write_fd])
        output.given_away()
        return output

    def hang_up(self) -> None:
        """Close the connection."""
        self.stream.close()


class ScriptedSupervisor:
    """Listens until it is left; then it is gone with all its connections, as if it had died."""

    def __init__(self, path: Path) -> None:
        self._listener = Listener(path, self._greet)
        self._coming: asyncio.Queue[Visit] = asyncio.Queue()
        self._visits: list[Visit] = []

    def _greet(self, hello: Hello, _peer: Peer, stream: ChildStream) -> None:
        visit = Visit(hello, stream)
        self._visits.append(visit)
        self._coming.put_nowait(visit)

    async def visit(self) -> Visit:
        """The next child that comes."""
        return await within(now() + DEADLINE, self._coming.get())

    async def __aenter__(self) -> ScriptedSupervisor:
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)
        for visit in self._visits:
            visit.hang_up()
