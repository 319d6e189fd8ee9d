"""The template's blocking side of a connection."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from agentd.errors import ChannelBroken, FrameMalformed, FrameTooLarge, ProtocolError
from agentd.ipc.blocking import BlockingStream
from agentd.protocol.codec import FrameDecoder, encode
from agentd.protocol.frames import Fork, Forked, FromTemplate, ToTemplate
from agentd.protocol.ids import ChildId

from .conftest import Ends

FORK = Fork(child_id=ChildId("c1"))


@pytest.fixture
def stream(ends: Ends) -> BlockingStream[ToTemplate]:
    """The template's side."""
    return BlockingStream(ends[0], ToTemplate)


def test_a_frame_comes_with_its_descriptors(stream: BlockingStream[ToTemplate], ends: Ends) -> None:
    """And with those only."""
    with open(os.devnull) as null:
        socket.send_fds(ends[1], [bytes(encode(FORK))], [null.fileno()])
    ends[1].sendall(encode(FORK))

    first, second = stream.receive(), stream.receive()

    assert (first[0], len(first[1])) == (FORK, 1)
    assert second == (FORK, [])
    os.close(first[1][0])


def test_a_frame_in_pieces_is_put_together(stream: BlockingStream[ToTemplate], ends: Ends) -> None:
    """A read may return less than was asked for."""
    data = bytes(encode(FORK))

    def trickle() -> None:
        for at in range(len(data)):
            ends[1].sendall(data[at : at + 1])

    thread = threading.Thread(target=trickle)
    thread.start()

    assert stream.receive() == (FORK, [])
    thread.join()


def test_the_other_side_gone_is_broken(stream: BlockingStream[ToTemplate], ends: Ends) -> None:
    """Also in the middle of a frame."""
    ends[1].sendall(bytes(encode(FORK))[:6])
    ends[1].close()

    with pytest.raises(ChannelBroken):
        stream.receive()
    with pytest.raises(ChannelBroken):
        stream.send(Forked(child_id=ChildId("c1"), pid=1))


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"\xff\xff\xff\xff", FrameTooLarge), (b"\x00\x00\x00\x01\xc1", FrameMalformed)],
)
def test_what_is_no_frame_is_refused(
    stream: BlockingStream[ToTemplate], ends: Ends, data: bytes, error: type[ProtocolError]
) -> None:
    """As on the other kind of stream."""
    ends[1].sendall(data)

    with pytest.raises(error):
        stream.receive()


def test_what_it_sends_is_read_on_the_other_side(
    stream: BlockingStream[ToTemplate], ends: Ends
) -> None:
    """The same frames on the wire."""
    stream.send(Forked(child_id=ChildId("c1"), pid=7))

    decoder: FrameDecoder[FromTemplate] = FrameDecoder(FromTemplate)
    assert list(decoder.feed(ends[1].recv(1024))) == [Forked(child_id=ChildId("c1"), pid=7)]
