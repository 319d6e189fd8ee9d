"""The shape of every frame on the wire: a change here is a change of the protocol's version."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.protocol.codec import FrameDecoder, encode
from agentd.protocol.frames import PROTOCOL_VERSION, Frame

from .samples import DIRECTIONS, FRAMES, types_of

GOLDEN = Path(__file__).parent / "golden" / f"v{PROTOCOL_VERSION}"
"""One file for each frame type. Frames that change need a new version, and so new files."""

by_type = pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)


def golden(frame: Frame) -> bytes:
    """The bytes that a frame must have."""
    return (GOLDEN / f"{type(frame).__name__}.bin").read_bytes()


@by_type
def test_a_frame_has_its_golden_bytes(frame: Frame) -> None:
    """Byte for byte, header included."""
    assert bytes(encode(frame)) == golden(frame)


@by_type
def test_golden_bytes_are_read_back_as_the_frame(frame: Frame) -> None:
    """What an older build of this version has written is understood."""
    decoder: FrameDecoder[Frame] = FrameDecoder(type(frame))

    assert list(decoder.feed(golden(frame))) == [frame]


def test_every_frame_type_has_golden_bytes() -> None:
    """A new frame can't be forgotten here."""
    in_unions = set().union(*(types_of(direction) for direction in DIRECTIONS))

    assert {type(frame) for frame in FRAMES} == in_unions == set(Frame.__subclasses__())


def test_every_golden_file_belongs_to_a_frame() -> None:
    """A frame that is removed takes its bytes along."""
    names = {type(frame).__name__ for frame in FRAMES}

    assert {path.stem for path in GOLDEN.iterdir()} == names
