"""The line to the supervisor, which survives supervisors.

A child without a job ends with its connection. One that has a job keeps it running, and
comes back to whoever listens on the same path next: `Hello` with the job, then `Adopted`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from agentd.aio.timing import now, within
from agentd.errors import AgentdError, ChannelError, ProtocolError
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import Adopted, Frame, Hello, ToChild
from agentd.supervision.backoff import Backoff

from .stdio import drop_output_without_reader, redirect_output

logger = logging.getLogger("agentd.child")

INITIALIZE_TIMEOUT = 10.0
"""Seconds to wait for the supervisor's answer to `Hello`."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
"""Upper bounds of the pauses between two tries, in seconds; each is drawn below its bound."""

STABLE_AFTER = 2.0
"""Seconds that an adoption must have lasted for the next loss to be tried again at once."""

ToChildStream = FrameStream[ToChild]


class SupervisorLine:
    """Sends and receives over whichever connection there is now.

    Has one reader, which also calls `connect_again`.
    """

    def __init__(self, path: str, hello: Hello) -> None:
        """Connect and say hello; raises OSError where nobody listens."""
        sock = _new_socket()
        sock.connect(path)
        self._path = path
        self._stream: ToChildStream = FrameStream(sock, ToChild)
        self._stream.send_nowait(hello)
        self._connected_at = now()
        self._backoff = Backoff(base=FIRST_PAUSE, cap=LONGEST_PAUSE)

    @property
    def connected(self) -> bool:
        """Whether there is a supervisor, as far as is known."""
        return self._stream.is_open

    async def receive(self) -> ToChild:
        """The next frame; raises ChannelError or ProtocolError when the connection has ended."""
        return await self._stream.receive()

    def send(self, frame: Frame) -> bool:
        """Send a frame; says False if there is no supervisor, which the reader hears too."""
        try:
            self._stream.send_nowait(frame)
        except ChannelError:
            return False
        except ProtocolError as error:
            logger.error(
                "a frame could not be sent and is left out",
                extra={
                    "action": "frame_unsent",
                    "frame": type(frame).__name__,
                    "reason": str(error),
                },
            )
            return False
        return True

    def offer(self, frame: Frame) -> bool:
        """Send at low priority, from any thread; says False when the frame was dropped."""
        return self._stream.offer(frame)

    async def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until all is written; says whether it is."""
        return await self._stream.flush(timeout)

    def close(self) -> None:
        self._stream.close()

    async def connect_again(self, hello: Callable[[], Hello], give_up_at: float) -> Hello | None:
        """Try until a supervisor adopts this child; returns the hello that did it.

        The first try is at once, pauses grow up to half a second. Standard output and error
        are the new supervisor's then, and nobody's meanwhile. None when it is `give_up_at`.
        """
        self._stream.close()
        lost_at, tries, why = now(), 0, ""
        if lost_at - self._connected_at >= STABLE_AFTER:
            self._backoff.reset()
        if self._backoff.failures:  # it was adopted a moment ago and let go again
            await self._pause(give_up_at)
        while now() < give_up_at:
            drop_output_without_reader()
            tries += 1
            said = hello()
            try:
                self._stream = await _come_back(self._path, said, give_up_at)
            except (AgentdError, OSError, TimeoutError) as error:
                why = str(error) or "it did not answer"
                await self._pause(give_up_at)
                continue
            self._connected_at = now()
            self._backoff.next_delay()  # an adoption is a try too, until it has lasted
            _log_adopted(now() - lost_at, tries, why)
            return said
        return None

    async def _pause(self, give_up_at: float) -> None:
        await asyncio.sleep(min(self._backoff.next_delay(), max(0.0, give_up_at - now())))


async def _come_back(path: str, hello: Hello, give_up_at: float) -> ToChildStream:
    """One try; raises OSError, TimeoutError, ChannelError or ProtocolError."""
    deadline_at = min(give_up_at, now() + INITIALIZE_TIMEOUT)
    stream = _call(path)
    try:
        stream.send_nowait(hello)
        answer = await within(deadline_at, stream.receive())
        if not isinstance(answer, Adopted):
            raise ProtocolError(f"it answered with a {type(answer).__name__} frame")
        _take_output(stream)
    except BaseException:
        stream.close()
        raise
    return stream


def _call(path: str) -> ToChildStream:
    sock = _new_socket()
    try:
        # Never waits: a Unix socket connects at once, or says that its backlog is full.
        sock.setblocking(False)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return FrameStream(sock, ToChild, receive_fds=True)


def _new_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)


def _take_output(stream: ToChildStream) -> None:
    fds = stream.take_fds()
    for fd in fds:  # one by the protocol; of more the last stays, and none is left open
        redirect_output(fd)
    if len(fds) != 1:
        raise ProtocolError(f"it sent {len(fds)} file descriptors with Adopted")


def _log_adopted(away: float, tries: int, why: str) -> None:
    logger.info(
        "a supervisor has adopted this child; the job goes on",
        extra={
            "action": "adopted",
            "away": round(away, 3),
            "tries": tries,
            "reason": why or "the first try",
        },
    )
