"""Frames over one connected Unix socket, without asyncio: the template's side.

The template must stay single-threaded and has nothing to do but wait for the next
`Fork`, so plain blocking calls are the whole of its I/O.
"""

from __future__ import annotations

import socket
from typing import Any, Generic, TypeVar

from agentd.errors import ChannelBroken
from agentd.protocol.codec import HEADER_BYTES, FrameDecoder, body_size, encode
from agentd.protocol.frames import Frame

FrameT = TypeVar("FrameT")

MAX_FDS = 4


class BlockingStream(Generic[FrameT]):
    """One side of a connection, for a process that does one thing at a time."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        self._sock = sock
        self._decoder: FrameDecoder[FrameT] = FrameDecoder(incoming)

    def send(self, frame: Frame) -> None:
        """Send a frame whole; raises ChannelBroken."""
        try:
            self._sock.sendall(encode(frame))
        except OSError as error:
            raise ChannelBroken(f"the connection broke: {error.strerror}") from error

    def receive(self) -> tuple[FrameT, list[int]]:
        """The next frame and the file descriptors that came with it.

        Raises ChannelBroken when the other side is gone, ProtocolError for what is no frame.
        """
        fds: list[int] = []
        header = self._read(HEADER_BYTES, fds)
        body = self._read(body_size(header), fds)
        return self._decoder.decode(body), fds

    def close(self) -> None:
        self._sock.close()

    def _read(self, size: int, fds: list[int]) -> bytes:
        data = b""
        while len(data) < size:
            try:
                chunk, new_fds, _flags, _address = socket.recv_fds(
                    self._sock, size - len(data), MAX_FDS
                )
            except OSError as error:
                raise ChannelBroken(f"the connection broke: {error.strerror}") from error
            if not chunk:
                raise ChannelBroken("the other side closed the connection")
            fds.extend(new_fds)
            data += chunk
        return data
