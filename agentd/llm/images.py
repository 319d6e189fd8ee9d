"""Pictures for models that see: taken from video frames, made smaller, written as data URLs.

Without an image library: PNG is written with zlib alone, and a picture is made smaller by leaving
out rows and columns, which a model can bear and which costs a millisecond.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

RGBA_BYTES = 4
"""Of a pixel."""
RTC_RGBA = 0
"""`VideoBufferType.RGBA` of LiveKit's SDK, which this room does not import."""


class PictureLike(Protocol):
    """What a video frame has, agentd's own or rtc's."""

    @property
    def data(self) -> bytes | bytearray | memoryview: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Picture(Struct, frozen=True, kw_only=True, tag="picture", tag_field="type"):
    """A picture in memory. Raises ValueError where pixels and size do not fit."""

    type: ClassVar[Literal["picture"]] = "picture"

    data: bytes
    width: int = 0
    height: int = 0
    format: Literal["rgba", "jpeg", "png"] = "rgba"
    """Of the data: `rgba` is four bytes a pixel, row by row; the others know their own size."""

    def __post_init__(self) -> None:
        wanted = self.width * self.height * RGBA_BYTES
        if self.format == "rgba" and (not wanted or len(self.data) != wanted):
            raise ValueError(
                f"{len(self.data)} bytes are no RGBA picture of {self.width} x {self.height} pixels"
            )


def as_picture(frame: PictureLike) -> Picture:
    """A picture of a video frame; raises TypeError for what is none."""
    convert = getattr(frame, "convert", None)
    if callable(convert) and getattr(frame, "type", RTC_RGBA) != RTC_RGBA:
        frame = convert(RTC_RGBA)
    if not all(hasattr(frame, name) for name in ("data", "width", "height")):
        raise TypeError(f"an image is a URL, a Picture or a video frame, but not {frame!r}")
    return Picture(
        data=bytes(memoryview(frame.data).cast("B")),
        width=frame.width,
        height=frame.height,
        format=getattr(frame, "format", "rgba"),
    )


def to_data_url(
    picture: Picture, *, max_width: int | None = None, max_height: int | None = None
) -> str:
    """The picture as a `data:` URL, no larger than asked; only pixels can be made smaller."""
    return _data_url(*encode(picture, max_width=max_width, max_height=max_height))


def encode(
    picture: Picture, *, max_width: int | None = None, max_height: int | None = None
) -> tuple[str, bytes]:
    """The MIME type of a picture file, and its bytes, no larger than asked."""
    if picture.format == "rgba":
        small = shrink(picture, max_width=max_width, max_height=max_height)
        return "image/png", encode_png(small)
    return f"image/{picture.format}", picture.data


def shrink(picture: Picture, *, max_width: int | None, max_height: int | None) -> Picture:
    """Every n-th row and column of an RGBA picture, by the smallest n that makes it fit."""
    step = max(
        -(-picture.width // max_width) if max_width else 1,
        -(-picture.height // max_height) if max_height else 1,
    )
    if step <= 1:
        return picture
    pixels = memoryview(picture.data).cast("I")
    rows = range(0, picture.height, step)
    kept = [pixels[row * picture.width : (row + 1) * picture.width : step] for row in rows]
    data = b"".join(row.tobytes() for row in kept)
    return Picture(data=data, width=len(kept[0]), height=len(kept))


def encode_png(picture: Picture) -> bytes:
    """An RGBA picture as PNG."""
    stride = picture.width * RGBA_BYTES
    rows = (picture.data[at : at + stride] for at in range(0, len(picture.data), stride))
    # Each row begins with its filter; 0 is none.
    pixels = b"".join(b"\0" + row for row in rows)
    # 8 bits a channel, colour type 6 (RGBA), the only compression and filter set, no interlace.
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"
