"""Frames over one connected Unix socket, for asyncio.

This reads and writes the socket itself instead of going through asyncio's streams: a
frame is one system call, file descriptors can travel with it, and logging threads may
send. Round trip and memory are measured in benchmarks/.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from agentd.errors import AgentdError, ChannelBroken, ChannelClosed, ProtocolError
from agentd.protocol.codec import FrameDecoder, encode
from agentd.protocol.frames import Frame

from .outbox import Outbox, OutboxFull

FrameT = TypeVar("FrameT")

READ_BYTES = 64 * 1024
MAX_PENDING = 256
"""Frames that may wait for `receive` before the socket is left unread."""
MAX_FDS = 4
"""File descriptors that may wait for `take_fds`; further ones are closed."""
FD_BYTES = array.array("i").itemsize


class FrameStream(Generic[FrameT]):
    """One side of a connection. Has one reader; anybody may send.

    Must be made on a running loop, which then owns it. `close` may be repeated; the
    socket is closed with the stream. With `receive_fds`, file descriptors that come along
    wait for `take_fds`; otherwise the kernel drops them.
    """

    def __init__(self, sock: socket.socket, incoming: Any, *, receive_fds: bool = False) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._receiving_fds = receive_fds
        self._fds: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(sock)
        self._decoder: FrameDecoder[FrameT] = FrameDecoder(incoming)
        self._inbox: deque[FrameT] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._flushed: asyncio.Future[None] | None = None
        self._ended: AgentdError | None = None
        self._reading = False
        self._writing = False
        self._resume_reading()

    # -- receiving ---------------------------------------------------------------

    async def receive(self) -> FrameT:
        """The next frame.

        Raises ChannelBroken when the other side is gone, ChannelClosed when this side
        closed, ProtocolError when what came is no frame; each after the frames before it.
        """
        while not self._inbox:
            if self._ended is not None:
                raise self._ended
            self._resume_reading()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._inbox.popleft()

    def take_fds(self) -> list[int]:
        """The file descriptors that have come so far; the caller closes them.

        Once: what comes later is dropped, so that reading costs no more than without.
        """
        self._receiving_fds = False
        fds, self._fds = self._fds, []
        return fds

    def end_of_process(self) -> None:
        """The other side's process is dead, or was killed: read what it left, then call it broken.

        A death alone does not end a connection when the process had forked on its own and
        its child still holds the socket.
        """
        self._end_after_reading(ChannelBroken("the process on the other side died"))

    def _on_readable(self) -> None:
        self._read_once()
        if len(self._inbox) >= MAX_PENDING:
            self._pause_reading()

    def _read_once(self) -> bool:
        try:
            data = self._read_with_fds() if self._receiving_fds else self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            self._end(ChannelBroken(f"the connection broke: {error.strerror}"))
            return False
        if not data:
            self._end(ChannelBroken("the other side closed the connection"))
            return False
        try:
            self._inbox.extend(self._decoder.feed(data))
        except ProtocolError as error:
            self._end(error)
        self._wake()
        return True

    def _read_with_fds(self) -> bytes:
        # Not socket.recv_fds: it does not pass its flags on (seen in CPython 3.11).
        size = socket.CMSG_SPACE(MAX_FDS * FD_BYTES)
        data, ancillary, _, _ = self._sock.recvmsg(READ_BYTES, size, socket.MSG_CMSG_CLOEXEC)
        fds = array.array("i")
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(payload[: len(payload) // FD_BYTES * FD_BYTES])
        room = MAX_FDS - len(self._fds)
        self._fds += fds[:room]
        for fd in fds[room:]:
            os.close(fd)
        return data

    def _resume_reading(self) -> None:
        if not self._reading and self._ended is None:
            self._reading = True
            self._loop.add_reader(self._sock.fileno(), self._on_readable)

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._sock.fileno())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- sending -----------------------------------------------------------------

    def send_nowait(self, frame: Frame, *, fds: Sequence[int] = ()) -> None:
        """Send a frame before any low-priority one; descriptors arrive with its first byte.

        The descriptors must stay open until the other side has answered. Raises
        ChannelBroken, ChannelClosed or FrameTooLarge.
        """
        if self._ended is not None:
            raise self._ended
        data = encode(frame)
        try:
            if not self._outbox.push(data, fds):
                self._watch_writable()
        except OutboxFull:
            self._end(ChannelBroken("the other side has stopped reading"))
            raise self._ended_error() from None
        except OSError as error:
            self._end_after_reading(ChannelBroken(f"the connection broke: {error.strerror}"))
            raise self._ended_error() from error

    def offer(self, frame: Frame) -> bool:
        """Send at low priority, from any thread; says False when the frame was dropped."""
        if self._ended is not None:
            return False
        try:
            taken, written = self._outbox.push_low(encode(frame))
        except (OSError, ProtocolError):
            return False
        if taken and not written:
            self._loop.call_soon_threadsafe(self._watch_writable)
        return taken

    def _watch_writable(self) -> None:
        if not self._writing and self._ended is None:
            self._writing = True
            self._loop.add_writer(self._sock.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        try:
            if self._outbox.flush():
                self._stop_writing()
        except OSError as error:
            self._end_after_reading(ChannelBroken(f"the connection broke: {error.strerror}"))

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock.fileno())
            if self._flushed is not None and not self._flushed.done():
                self._flushed.set_result(None)

    async def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until all is written; says whether it is."""
        if self._ended is None:
            self._on_writable()  # what `offer` left may not be watched yet
        if self._ended is None and not self._outbox.empty:
            self._watch_writable()
            self._flushed = self._loop.create_future()
            await asyncio.wait({self._flushed}, timeout=timeout)
        return self._ended is None and self._outbox.empty

    # -- ending ------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether frames can still be sent, as far as is known."""
        return self._ended is None

    def close(self) -> None:
        """Close the connection; `receive` raises ChannelClosed after what has arrived."""
        self._end(ChannelClosed())

    def _ended_error(self) -> AgentdError:
        return self._ended or ChannelClosed()

    def _end_after_reading(self, why: AgentdError) -> None:
        """The other side is gone, but what it said last may still wait to be read."""
        while self._ended is None and self._read_once():
            pass
        self._end(why)

    def _end(self, why: AgentdError) -> None:
        if self._ended is not None:
            return
        self._ended = why
        self._pause_reading()
        self._stop_writing()
        self._sock.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        self._wake()
