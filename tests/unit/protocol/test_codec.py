"""Frames to bytes and back, whole, in pieces, and damaged."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.errors import FrameMalformed, FrameTooLarge
from agentd.protocol.codec import HEADER_BYTES, FrameDecoder, body_size, encode
from agentd.protocol.frames import MAX_FRAME_BYTES, Frame, Log, Ping, Pong, Shutdown, ToChild

from .samples import DIRECTIONS, FRAMES, anything, types_of

JOINED = b"".join(bytes(encode(frame)) for frame in FRAMES)


def union_of_all() -> Any:
    """Every frame type there is."""
    union: Any = None
    for direction in DIRECTIONS.values():
        union = direction if union is None else union | direction
    return union


def decoder(frames: Any = None) -> FrameDecoder[Frame]:
    """A decoder of all frames, or of some."""
    return FrameDecoder(frames if frames is not None else union_of_all())


def framed(body: bytes) -> bytes:
    """A body with a proper header, whatever the body is."""
    return len(body).to_bytes(HEADER_BYTES, "big") + body


@pytest.mark.parametrize(
    "frame_type", [type(frame) for frame in FRAMES], ids=lambda frame_type: frame_type.__name__
)
@settings(max_examples=20)
@given(data=st.data())
def test_any_frame_comes_back_as_it_was(frame_type: type[Frame], data: st.DataObject) -> None:
    """Whatever its fields hold."""
    frame = data.draw(anything(frame_type))

    assert list(decoder().feed(bytes(encode(frame)))) == [frame]


def test_frames_may_arrive_byte_by_byte() -> None:
    """Each is handed on with its last byte, not before."""
    whole = decoder()

    arrived = [list(whole.feed(JOINED[at : at + 1])) for at in range(len(JOINED))]

    assert [frame for frames in arrived for frame in frames] == FRAMES
    assert max(len(frames) for frames in arrived) == 1


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, len(JOINED)), max_size=20))
def test_frames_may_arrive_in_any_pieces(cuts: list[int]) -> None:
    """A stream has no borders but those of the frames."""
    whole, places = decoder(), [0, *sorted(cuts), len(JOINED)]

    pieces = [JOINED[start:end] for start, end in pairwise(places)]

    assert [frame for piece in pieces for frame in whole.feed(piece)] == FRAMES


def test_a_truncated_frame_is_waited_for() -> None:
    """It is no error: the rest may come."""
    data = bytes(encode(Ping(seq=1)))
    partial = decoder()

    before = list(partial.feed(data[:-1]))
    after = list(partial.feed(data[-1:]))

    assert (before, after) == ([], [Ping(seq=1)])


def test_good_frames_before_a_bad_one_are_still_handed_on() -> None:
    """What a child said before it went wrong is known."""
    frames = decoder().feed(bytes(encode(Pong(seq=1))) + framed(b"\xc1"))

    assert next(frames) == Pong(seq=1)
    with pytest.raises(FrameMalformed):
        next(frames)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x80",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"t": "no_such_frame"}),
        msgspec.msgpack.encode({"t": "ping"}),
        msgspec.msgpack.encode({"t": "ping", "seq": "one"}),
        b"\x82\xa1t\xa4ping\xa3seq",
        b"\x82\xa1t\xa8shutdown\xa6reason\xa2\xff\xfe",
        bytes(encode(Ping(seq=1))[HEADER_BYTES:]) + b"\x00",
    ],
    ids=[
        "empty",
        "reserved byte",
        "no tag",
        "a list",
        "unknown tag",
        "field missing",
        "wrong type",
        "cut off",
        "not UTF-8",
        "bytes left over",
    ],
)
def test_a_body_that_is_no_frame_is_malformed(body: bytes) -> None:
    """One error for all of it, and never another exception."""
    with pytest.raises(FrameMalformed, match=f"a frame of {len(body)} bytes could not be read"):
        list(decoder().feed(framed(body)))


@settings(max_examples=100)
@given(body=st.binary(max_size=200))
def test_random_bodies_are_frames_or_malformed(body: bytes) -> None:
    """Nothing else can come out of a decoder."""
    try:
        frames = list(decoder().feed(framed(body)))
    except FrameMalformed:
        frames = []

    assert all(isinstance(frame, Frame) for frame in frames)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_decoder_refuses_frames_of_another_direction(direction: str, frame: Frame) -> None:
    """A child can't send what only a supervisor says."""
    allowed = type(frame) in types_of(direction)

    assert accepts(DIRECTIONS[direction], frame) is allowed


def accepts(frames: Any, frame: Frame) -> bool:
    """Whether a decoder of these frames takes this one."""
    try:
        return list(decoder(frames).feed(bytes(encode(frame)))) == [frame]
    except FrameMalformed:
        return False


def test_an_announced_size_over_the_limit_is_refused_before_the_body() -> None:
    """Four bytes are enough; nothing is allocated for the rest."""
    header = (MAX_FRAME_BYTES + 1).to_bytes(HEADER_BYTES, "big")

    with pytest.raises(FrameTooLarge, match=f"{MAX_FRAME_BYTES + 1} bytes was announced"):
        list(decoder(ToChild).feed(header))


def test_the_largest_size_is_allowed() -> None:
    """The limit itself is within."""
    assert body_size(MAX_FRAME_BYTES.to_bytes(HEADER_BYTES, "big")) == MAX_FRAME_BYTES


def test_a_frame_over_the_limit_is_not_encoded() -> None:
    """The sender hears of it, rather than the other side."""
    with pytest.raises(FrameTooLarge, match="a Shutdown frame of"):
        encode(Shutdown(reason="x" * MAX_FRAME_BYTES))


def test_a_frame_of_just_the_limit_goes_both_ways() -> None:
    """Encoding and decoding agree on where it is."""
    overhead = len(encode(Shutdown(reason="x" * 100_000))) - HEADER_BYTES - 100_000
    frame = Shutdown(reason="x" * (MAX_FRAME_BYTES - overhead))

    data = bytes(encode(frame))

    assert len(data) == HEADER_BYTES + MAX_FRAME_BYTES
    assert list(decoder(ToChild).feed(data)) == [frame]


def test_an_unknown_field_is_passed_over() -> None:
    """A later build of the same version may say more."""
    body = msgspec.msgpack.encode({"t": "ping", "seq": 3, "new": True})

    assert list(decoder(ToChild).feed(framed(body))) == [Ping(seq=3)]


def test_log_fields_keep_their_types() -> None:
    """A number stays a number, so that it can be searched for."""
    fields: dict[str, bool | int | float | str | None] = {"a": True, "b": 1, "c": 1.5, "d": None}
    frame = Log(level=20, logger="x", message="m", time=0.0, fields=fields)

    (read,) = decoder().feed(bytes(encode(frame)))

    assert isinstance(read, Log)
    assert [type(value) for value in read.fields.values()] == [bool, int, float, type(None)]
