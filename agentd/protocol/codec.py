"""Frames to bytes and back.

On the wire a frame is its length as four bytes, big-endian, then msgpack. The length
is checked before the body is waited for, so a broken or hostile sender can't make the
reader allocate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from agentd.errors import FrameMalformed, FrameTooLarge

from .frames import MAX_FRAME_BYTES, Frame

HEADER_BYTES = 4

_encoder = msgspec.msgpack.Encoder()

FrameT = TypeVar("FrameT")


def encode(frame: Frame) -> bytearray:
    """The bytes of a frame, header included; raises FrameTooLarge."""
    buffer = bytearray(HEADER_BYTES)
    _encoder.encode_into(frame, buffer, HEADER_BYTES)
    size = len(buffer) - HEADER_BYTES
    if size > MAX_FRAME_BYTES:
        raise FrameTooLarge(
            f"a {type(frame).__name__} frame of {size} bytes is over the limit of {MAX_FRAME_BYTES}"
        )
    buffer[:HEADER_BYTES] = size.to_bytes(HEADER_BYTES, "big")
    return buffer


def body_size(header: bytes | bytearray) -> int:
    """The length of the body that follows a header; raises FrameTooLarge."""
    size = int.from_bytes(header[:HEADER_BYTES], "big")
    if size > MAX_FRAME_BYTES:
        raise FrameTooLarge(
            f"a frame of {size} bytes was announced, over the limit of {MAX_FRAME_BYTES}"
        )
    return size


class FrameDecoder(Generic[FrameT]):
    """Cuts a stream of bytes into frames of one union of types."""

    def __init__(self, frames: Any) -> None:  # a type or union of types; typing has no word for it
        self._decoder = msgspec.msgpack.Decoder(frames)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[FrameT]:
        """Take what arrived and yield the frames that are whole now.

        Raises FrameTooLarge or FrameMalformed, after the good frames before the bad one
        have been yielded; the stream can't be used after that.
        """
        self._buffer += data
        start = 0
        try:
            while (body := self._next_body(start)) is not None:
                frame = self.decode(self._buffer[body])
                start = body.stop
                yield frame
        finally:
            del self._buffer[:start]

    def _next_body(self, start: int) -> slice | None:
        available = len(self._buffer) - start
        if available < HEADER_BYTES:
            return None
        size = body_size(self._buffer[start : start + HEADER_BYTES])
        if available < HEADER_BYTES + size:
            return None
        return slice(start + HEADER_BYTES, start + HEADER_BYTES + size)

    def decode(self, body: bytes | bytearray) -> FrameT:
        """One frame from its body; raises FrameMalformed."""
        try:
            frame: FrameT = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FrameMalformed(
                f"a frame of {len(body)} bytes could not be read: {error}"
            ) from error
        return frame
