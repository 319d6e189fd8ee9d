"""Frames over a real socket pair, with slow, gone and mad other sides."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from agentd.errors import (
    ChannelBroken,
    ChannelClosed,
    FrameMalformed,
    FrameTooLarge,
    ProtocolError,
)
from agentd.ipc.outbox import MAX_CONTROL_BYTES, MAX_LOW_PRIORITY
from agentd.ipc.stream import MAX_FDS, MAX_PENDING, FrameStream
from agentd.protocol.codec import FrameDecoder, encode
from agentd.protocol.frames import (
    Fork,
    FromChild,
    Log,
    Ping,
    Pong,
    Shutdown,
    ToChild,
    ToTemplate,
)
from agentd.protocol.ids import ChildId

from .conftest import Ends

Stream = FrameStream[FromChild]
DEADLINE = 20.0
BIG = Shutdown(reason="x" * 1_000_000)


@pytest.fixture
async def stream(ends: Ends) -> AsyncIterator[Stream]:
    """The supervisor's side of a child's connection; the test plays the child on `ends[1]`."""
    made: Stream = FrameStream(ends[0], FromChild)
    yield made
    made.close()


async def next_frame(stream: Stream) -> FromChild:
    """The next frame, or a failed test."""
    async with asyncio.timeout(DEADLINE):
        return await stream.receive()


def log(number: int) -> Log:
    """A record of some size."""
    return Log(level=20, logger="x", message=f"{number} " + "y" * 500, time=0.0)


async def sent_to(reader: socket.socket) -> list[ToChild | FromChild]:
    """All frames until the end of the connection."""
    loop = asyncio.get_running_loop()
    reader.setblocking(False)
    decoder: FrameDecoder[ToChild | FromChild] = FrameDecoder(ToChild | FromChild)
    frames: list[ToChild | FromChild] = []
    async with asyncio.timeout(DEADLINE):
        while data := await loop.sock_recv(reader, 1 << 20):
            frames += decoder.feed(data)
    return frames


async def test_frames_arrive_in_order(stream: Stream, ends: Ends) -> None:
    """However many come in one piece."""
    ends[1].sendall(bytes(encode(Pong(seq=1)) + encode(Pong(seq=2)) + encode(Pong(seq=3))))

    assert [await next_frame(stream) for _ in range(3)] == [Pong(seq=n) for n in (1, 2, 3)]


async def test_the_end_comes_after_the_frames_before_it(stream: Stream, ends: Ends) -> None:
    """What a child said before it died is heard."""
    ends[1].sendall(encode(Pong(seq=1)))
    ends[1].close()

    assert await next_frame(stream) == Pong(seq=1)
    with pytest.raises(ChannelBroken, match="the other side closed"):
        await next_frame(stream)


async def test_a_stream_closed_here_says_so(stream: Stream) -> None:
    """It was us, and nobody has to look for the culprit."""
    stream.close()

    with pytest.raises(ChannelClosed):
        await next_frame(stream)
    with pytest.raises(ChannelClosed):
        stream.send_nowait(Ping(seq=1))


async def test_closing_wakes_who_waits(stream: Stream) -> None:
    """Nobody waits for ever."""
    waiting = asyncio.create_task(next_frame(stream))
    await asyncio.sleep(0)

    stream.close()

    with pytest.raises(ChannelClosed):
        await waiting


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff\xff\xff\xff", FrameTooLarge),
        (b"\x00\x00\x00\x01\xc1", FrameMalformed),
        (bytes(encode(Ping(seq=1))), FrameMalformed),
    ],
    ids=["oversized", "garbage", "a frame of the other direction"],
)
async def test_a_bad_frame_ends_the_stream_after_the_good_ones(
    stream: Stream, ends: Ends, data: bytes, error: type[ProtocolError]
) -> None:
    """There is no way to find the next frame's beginning."""
    ends[1].sendall(bytes(encode(Pong(seq=1))) + data)

    assert await next_frame(stream) == Pong(seq=1)
    with pytest.raises(error):
        await next_frame(stream)
    with pytest.raises(error):
        stream.send_nowait(Ping(seq=2))


async def test_sending_to_a_dead_side_is_broken(stream: Stream, ends: Ends) -> None:
    """Not closed: it was not us."""
    ends[1].close()

    with pytest.raises(ChannelBroken):
        stream.send_nowait(Ping(seq=1))


async def test_control_frames_overtake_logs_when_the_reader_is_slow(
    stream: Stream, ends: Ends
) -> None:
    """A job's end does not queue behind its chatter."""
    taken = [stream.offer(log(number)) for number in range(MAX_LOW_PRIORITY + 2000)]
    stream.send_nowait(Ping(seq=1))
    reading = asyncio.create_task(sent_to(ends[1]))

    flushed = await stream.flush(DEADLINE)
    stream.close()

    frames = await reading
    after = len(frames) - 1 - frames.index(Ping(seq=1))
    assert flushed
    assert not all(taken)
    assert len(frames) == sum(taken) + 1
    assert after >= MAX_LOW_PRIORITY - 1


async def test_what_was_offered_from_a_thread_is_flushed(stream: Stream, ends: Ends) -> None:
    """LiveKit's native library logs from threads of its own, up to the very end."""
    thread = threading.Thread(target=lambda: [stream.offer(log(n)) for n in range(900)])
    thread.start()
    thread.join()
    reading = asyncio.create_task(sent_to(ends[1]))

    flushed = await stream.flush(DEADLINE)
    stream.close()

    assert flushed
    assert await reading == [log(number) for number in range(900)]


async def test_frames_of_many_threads_do_not_mix(stream: Stream, ends: Ends) -> None:
    """Each arrives whole, and each thread's in its order."""
    reading = asyncio.create_task(sent_to(ends[1]))
    everybody = threading.Barrier(4)

    def talk(number: int) -> None:
        everybody.wait(DEADLINE)
        for step in range(100):
            stream.offer(Log(level=20, logger=str(number), message=str(step), time=0.0))

    await asyncio.gather(*(asyncio.to_thread(talk, number) for number in range(4)))
    await stream.flush(DEADLINE)
    stream.close()

    heard = [(frame.logger, int(frame.message)) for frame in await reading if type(frame) is Log]
    in_order = {str(number): list(range(100)) for number in range(4)}
    assert {name: [step for who, step in heard if who == name] for name in in_order} == in_order


async def test_flush_gives_up_on_a_reader_that_stands_still(stream: Stream) -> None:
    """Within the time it was given."""
    stream.send_nowait(BIG)

    assert not await stream.flush(0.05)


async def test_flush_of_a_broken_stream_says_that_not_all_was_written(
    stream: Stream, ends: Ends
) -> None:
    """The other side left in the middle."""
    stream.send_nowait(BIG)
    asyncio.get_running_loop().call_later(0.01, ends[1].close)

    assert not await stream.flush(DEADLINE)


async def test_offering_to_a_closed_stream_is_a_drop(stream: Stream) -> None:
    """A log line is no reason to fail."""
    stream.close()

    assert not stream.offer(log(1))


async def test_what_it_said_before_it_left_is_heard_after_a_failed_send(
    stream: Stream, ends: Ends
) -> None:
    """A job's end must not be lost because a ping crossed with it."""
    ends[1].sendall(encode(Pong(seq=1)))
    ends[1].close()
    with pytest.raises(ChannelBroken):
        stream.send_nowait(Ping(seq=2))

    assert await next_frame(stream) == Pong(seq=1)
    with pytest.raises(ChannelBroken):
        await next_frame(stream)


async def test_a_reader_who_stops_reading_control_frames_counts_as_broken(stream: Stream) -> None:
    """The memory that may wait for it has an end."""
    for _ in range(1 + MAX_CONTROL_BYTES // len(BIG.reason)):
        stream.send_nowait(BIG)

    with pytest.raises(ChannelBroken, match="stopped reading"):
        stream.send_nowait(BIG)


async def test_descriptors_travel_with_their_frame(ends: Ends) -> None:
    """The child's end of its output pipe goes to the template like this."""
    stream: FrameStream[FromChild] = FrameStream(ends[0], FromChild)
    reading, writing = os.pipe()

    stream.send_nowait(Fork(child_id=ChildId("c1")), fds=(writing,))

    data, fds, _, _ = socket.recv_fds(ends[1], 1024, 4)
    decoder: FrameDecoder[ToTemplate] = FrameDecoder(ToTemplate)
    os.write(fds[0], b"through")
    assert list(decoder.feed(data)) == [Fork(child_id=ChildId("c1"))]
    assert os.read(reading, 100) == b"through"
    stream.close()
    for fd in (reading, writing, *fds):
        os.close(fd)


async def test_reading_pauses_when_nobody_takes_the_frames(stream: Stream, ends: Ends) -> None:
    """A chatty child is held up at its own socket, and nothing is lost."""
    count = 50_000
    writer = asyncio.create_task(asyncio.to_thread(send_pongs, ends[1], count))

    first = await next_frame(stream)
    done, _ = await asyncio.wait({writer}, timeout=0.1)
    rest = [await next_frame(stream) for _ in range(count - 1)]

    assert not done
    assert [first, *rest] == [Pong(seq=number) for number in range(count)]
    assert count > 2 * MAX_PENDING


def send_pongs(sock: socket.socket, count: int) -> None:
    """So many frames, as fast as the other side takes them."""
    sock.setblocking(True)
    sock.sendall(b"".join(bytes(encode(Pong(seq=number))) for number in range(count)))


async def test_the_death_of_the_process_ends_a_stream_that_a_grandchild_holds_open(
    stream: Stream, ends: Ends
) -> None:
    """Its last frames are read first; the socket itself would never say the end."""
    ends[1].sendall(encode(Pong(seq=1)))
    held = ends[1].dup()
    ends[1].close()

    stream.end_of_process()

    assert await next_frame(stream) == Pong(seq=1)
    with pytest.raises(ChannelBroken, match="the process on the other side died"):
        await next_frame(stream)
    held.close()


async def test_a_cancelled_receive_loses_no_frame(stream: Stream, ends: Ends) -> None:
    """A deadline may come and go."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.receive()
    ends[1].sendall(encode(Pong(seq=1)))

    assert await next_frame(stream) == Pong(seq=1)


@pytest.fixture
async def child_side(ends: Ends) -> AsyncIterator[FrameStream[ToChild]]:
    """A child's side that expects descriptors."""
    made: FrameStream[ToChild] = FrameStream(ends[0], ToChild, receive_fds=True)
    yield made
    made.close()


def send_with_fds(sock: socket.socket, count: int, seq: int = 1) -> list[int]:
    """Send a frame with writing ends of pipes; returns the reading ends."""
    pipes = [os.pipe() for _ in range(count)]
    socket.send_fds(sock, [bytes(encode(Ping(seq=seq)))], [writing for _, writing in pipes])
    for _, writing in pipes:
        os.close(writing)
    return [reading for reading, _ in pipes]


def is_closed_everywhere(reading: int) -> bool:
    """Whether no process has the writing end of a pipe."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, 1) == b""
    except BlockingIOError:
        return False
    finally:
        os.close(reading)


async def test_descriptors_are_there_with_their_frame(
    child_side: FrameStream[ToChild], ends: Ends
) -> None:
    """They work, belong to whoever took them, and no program that is started inherits them."""
    (reading,) = send_with_fds(ends[1], 1)

    frame = await asyncio.wait_for(child_side.receive(), DEADLINE)
    (fd,) = child_side.take_fds()

    os.write(fd, b"through")
    assert (frame, os.read(reading, 100)) == (Ping(seq=1), b"through")
    assert not os.get_inheritable(fd)
    os.close(fd)
    assert is_closed_everywhere(reading)


async def test_descriptors_that_nobody_takes_are_closed_with_the_stream(
    child_side: FrameStream[ToChild], ends: Ends
) -> None:
    """Nothing is left open."""
    (reading,) = send_with_fds(ends[1], 1)
    await asyncio.wait_for(child_side.receive(), DEADLINE)

    child_side.close()

    assert is_closed_everywhere(reading)


async def test_descriptors_over_the_limit_are_closed(
    child_side: FrameStream[ToChild], ends: Ends
) -> None:
    """Whoever sends many can't use up ours."""
    first = send_with_fds(ends[1], MAX_FDS, seq=1)
    await asyncio.wait_for(child_side.receive(), DEADLINE)
    second = send_with_fds(ends[1], MAX_FDS, seq=2)
    await asyncio.wait_for(child_side.receive(), DEADLINE)

    assert [is_closed_everywhere(reading) for reading in second] == [True] * MAX_FDS
    child_side.close()
    assert [is_closed_everywhere(reading) for reading in first] == [True] * MAX_FDS


@pytest.mark.parametrize("taken_before", [True, False], ids=["after taking", "never wanted"])
async def test_descriptors_that_nobody_expects_are_dropped(
    ends: Ends, *, taken_before: bool
) -> None:
    """The frame that they came with is as good as any."""
    stream: FrameStream[ToChild] = FrameStream(ends[0], ToChild, receive_fds=taken_before)
    stream.take_fds()
    (reading,) = send_with_fds(ends[1], 1)

    frame = await asyncio.wait_for(stream.receive(), DEADLINE)

    assert (frame, stream.take_fds()) == (Ping(seq=1), [])
    assert is_closed_everywhere(reading)
    stream.close()
