"""Pictures, from video frames to data URLs."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import pytest

from agentd.io import VideoFrame
from agentd.llm import ImageContent, Picture
from agentd.llm.images import encode_png, shrink, to_data_url

RED, BLUE = b"\xff\0\0\xff", b"\0\0\xff\xff"


class RtcFrame:
    """What is asked of an rtc.VideoFrame."""

    def __init__(self, data: bytes, type: int) -> None:
        self.data, self.type, self.width, self.height = memoryview(data), type, 1, 1

    def convert(self, type: int) -> RtcFrame:
        """As the SDK does: into another kind of pixels."""
        return RtcFrame(RED, type)


def pixels(png: bytes) -> list[bytes]:
    """The rows of an unfiltered PNG, checked."""
    width, height = struct.unpack(">II", png[16:24])
    size = struct.unpack(">I", png[33:37])[0]
    assert png[37:41] == b"IDAT"
    data = zlib.decompress(png[41 : 41 + size])
    rows = [data[at : at + 1 + width * 4] for at in range(0, len(data), 1 + width * 4)]
    assert len(rows) == height
    assert {row[0] for row in rows} == {0}
    return [row[1:] for row in rows]


def test_pixels_come_back_out_of_png() -> None:
    """Row by row."""
    picture = Picture(data=RED + BLUE + BLUE + RED, width=2, height=2)

    assert pixels(encode_png(picture)) == [RED + BLUE, BLUE + RED]


def test_a_picture_that_is_too_large_is_thinned_out() -> None:
    """By whole steps, in both directions, so that it keeps its shape."""
    picture = Picture(data=(RED + BLUE) * 2 * 4, width=4, height=4)

    small = shrink(picture, max_width=3, max_height=None)

    assert (small.width, small.height) == (2, 2)
    assert small.data == RED * 4


@pytest.mark.parametrize(("width", "height"), [(None, None), (4, 4), (9, None)])
def test_a_picture_that_fits_is_left_alone(width: int | None, height: int | None) -> None:
    """It is not made larger."""
    picture = Picture(data=RED * 16, width=4, height=4)

    assert shrink(picture, max_width=width, max_height=height) is picture


def test_a_jpeg_is_passed_on_as_it_is() -> None:
    """Only its encoding for a URL is new."""
    url = to_data_url(Picture(data=b"jpegdata", format="jpeg"), max_width=1)

    assert url == "data:image/jpeg;base64," + base64.b64encode(b"jpegdata").decode()


def test_pixels_become_a_png_url() -> None:
    """Of the size that was asked for."""
    url = to_data_url(Picture(data=RED * 4, width=2, height=2), max_height=1)

    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    assert pixels(base64.b64decode(data)) == [RED]


@pytest.mark.parametrize(
    "frame",
    [
        VideoFrame(data=RED, width=1, height=1),
        RtcFrame(RED, type=0),
        RtcFrame(b"yuv", type=5),
    ],
    ids=["ours", "rtc", "rtc-yuv"],
)
def test_an_image_may_be_a_video_frame(frame: Any) -> None:
    """Ours, or rtc's in whatever kind of pixels."""
    assert ImageContent(image=frame).image == Picture(data=RED, width=1, height=1)


def test_an_image_may_be_a_jpeg_frame() -> None:
    """As video inputs give them."""
    frame: Any = VideoFrame(data=b"x", width=1, height=1, format="jpeg")

    assert ImageContent(image=frame).image == Picture(data=b"x", width=1, height=1, format="jpeg")


def test_what_is_no_image_is_refused() -> None:
    """The error says what an image is."""
    wrong: Any = 3

    with pytest.raises(TypeError, match="a URL, a Picture or a video frame, but not 3"):
        ImageContent(image=wrong)


@pytest.mark.parametrize(("data", "width"), [(b"", 0), (RED, 2)])
def test_pixels_must_fit_the_size(data: bytes, width: int) -> None:
    """Or they are no picture."""
    with pytest.raises(ValueError, match=f"no RGBA picture of {width} x 1 pixels"):
        Picture(data=data, width=width, height=1)
