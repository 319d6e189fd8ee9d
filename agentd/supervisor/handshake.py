"""The process of a child and the connection to it, and how both come about.

A child that is made is launched, says hello, and runs prewarm. A child that comes back has
a job from a daemon that is gone: it is found by its pid and only says hello.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import Protocol

from agentd.aio.timing import now, within
from agentd.errors import (
    ChannelBroken,
    ChannelError,
    ChildError,
    ProtocolError,
    VersionMismatch,
)
from agentd.ipc.listener import ChildStream, Peer
from agentd.logs.record import EXCEPTION
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    Adopted,
    ChildConfig,
    Frame,
    Hello,
    InitFailed,
    Initialize,
    Log,
    LogsDropped,
    LogValue,
    Ready,
)
from agentd.protocol.ids import ChildId

from .exit import WaitStatus
from .output import OutputReader
from .process import OsProcess, Reaper

logger = logging.getLogger("agentd.supervisor")

ADOPT_TIMEOUT = 5.0
"""Seconds that a living child of a daemon before us has to come back. It tries twice a second."""

FD_TIMEOUT = 1.0


class Launch(Protocol):
    """Starts a process whose output goes to a descriptor, and returns its pid."""

    async def __call__(self, output_fd: int) -> int: ...


class ChildLink:
    """The process and the connection to it, as far as they exist."""

    def __init__(self) -> None:
        self.process: OsProcess | None = None
        self.stream: ChildStream | None = None
        self.greeting: Hello | None = None
        """What it said of itself, once it has."""
        self._peer_pid = 0
        self._killed = False
        self._hello: asyncio.Future[ChildStream] = asyncio.get_running_loop().create_future()
        # A failure may come when nobody waits any more; without this asyncio would complain.
        self._hello.add_done_callback(lambda hello: hello.cancelled() or hello.exception())

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    def handle_hello(self, hello: Hello, peer: Peer, stream: ChildStream) -> None:
        """The process has connected."""
        if self._hello.done():
            stream.close()
        elif hello.version != PROTOCOL_VERSION:
            stream.close()
            self._hello.set_exception(
                VersionMismatch(
                    f"the child speaks frame protocol {hello.version}, this daemon "
                    f"{PROTOCOL_VERSION}: agentd was changed under a running daemon; restart it"
                )
            )
        else:
            self._peer_pid = peer.pid
            self.greeting = hello
            self._hello.set_result(stream)

    def watch(self, process: OsProcess) -> None:
        """This is the process; its death ends the wait for its hello."""
        self.process = process
        process.on_exit(self._process_died)

    async def greet(self) -> ChildStream:
        """Wait for the hello of the process; raises ChannelBroken, ProtocolError, ChildError."""
        assert self.process is not None
        stream = await self._hello
        if self._peer_pid != self.process.pid:
            stream.close()
            raise ProtocolError(f"the hello came from pid {self._peer_pid}, not {self.process.pid}")
        self.stream = stream
        self.process.on_exit(stream.end_of_process)
        return stream

    def give_up(self, why: str) -> None:
        """Wait for no hello any more."""
        if not self._hello.done():
            self._hello.set_exception(ChildError(why))

    def kill(self) -> bool:
        """End the process at once; False while there is none."""
        if self.process is None:
            return False
        self._killed = True
        self.process.signal(signal.SIGKILL)
        if self.stream is not None:
            # Not only at its death, which the kernel can hold up: who reads would wait as long.
            self.stream.end_of_process()
        return True

    def send(self, frame: Frame) -> None:
        """Send a frame, if there is anybody to read it."""
        if self.stream is None:
            return
        try:
            self.stream.send_nowait(frame)
        except ChannelError:
            return  # it is dying: who waits for it sees that

    def close(self) -> None:
        """Also a connection that was made and never used, or that is yet to come."""
        if self._hello.cancel() or self._hello.cancelled():
            return  # one that comes now finds that nobody waits, and is closed
        if self._hello.exception() is None:
            self._hello.result().close()

    async def wait_for_death(
        self, child_id: ChildId, patience: float, kill: Callable[[str], None]
    ) -> WaitStatus:
        """Wait until the process is dead. One that was not killed yet has `patience` seconds."""
        if self.process is None:
            return WaitStatus()
        try:
            if not self._killed:
                return await within(now() + patience, self.process.wait())
        except TimeoutError:
            kill(f"it did not exit within {patience:g} s")
        return await self.process.wait_killed(child_id)

    def _process_died(self) -> None:
        if not self._hello.done():
            self._hello.set_exception(ChannelBroken("its process died before it said hello"))


async def launch(link: ChildLink, start: Launch, reaper: Reaper, output: OutputReader) -> None:
    """Start a process and watch it; raises TemplateError, ChildError."""
    pid = await start(output.write_fd)
    output.close_write_end()
    link.watch(reaper.watch(pid))


async def initialize(
    link: ChildLink,
    config: ChildConfig,
    note: Callable[[Log | LogsDropped], None],
    fields: Callable[[], dict[str, LogValue]],
) -> None:
    """Have a child that said hello run prewarm, until it is ready; raises why it is not."""
    assert link.stream is not None
    link.stream.send_nowait(Initialize(config=config))
    while True:
        match await link.stream.receive():
            case Ready():
                return
            case InitFailed(error=error, traceback=traceback):
                logger.error(
                    "prewarm failed",
                    extra={
                        "action": "prewarm_failed",
                        "reason": error,
                        EXCEPTION: traceback,
                        **fields(),
                    },
                )
                raise ChildError(f"prewarm raised {error}")
            case Log() | LogsDropped() as frame:
                note(frame)
            case frame:
                raise ProtocolError(f"a {type(frame).__name__} frame before ready")


async def adopt(link: ChildLink, output: OutputReader) -> Hello:
    """Take over a child that holds a job; returns its hello. Raises what kept it away.

    Its old output went to a pipe that nobody reads any more; it gets one of ours.
    """
    stream = await within(now() + ADOPT_TIMEOUT, link.greet())
    assert link.greeting is not None
    stream.send_nowait(Adopted(), fds=(output.write_fd,))
    await stream.flush(FD_TIMEOUT)
    output.close_write_end()
    return link.greeting
