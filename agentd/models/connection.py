"""One connection to the model host, and the calls that are under way on it."""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import AsyncGenerator

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import (
    AgentdError,
    ChannelBroken,
    ChannelError,
    FrameTooLarge,
    ModelError,
    ProtocolError,
    VersionMismatch,
    WouldBlock,
)
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import PROTOCOL_VERSION
from agentd.protocol.model_frames import (
    FromModelHost,
    HostHello,
    ModelAnswer,
    ModelCall,
    ModelCancel,
    ModelFailure,
    ModelHello,
    ModelPart,
)

from .failure import error_of

logger = logging.getLogger("agentd.models")

HELLO_TIMEOUT = 5.0
"""Seconds for the host's answer to a hello."""

MAX_PARTS = 1024
"""Parts of one answer that may wait for who asked; it is given up with more."""

Reply = ModelPart | ModelAnswer | ModelFailure


class Connection:
    """Greeted already; any number of calls at once, until either side closes it."""

    def __init__(self, stream: FrameStream[FromModelHost], hello: HostHello) -> None:
        self.models = frozenset(hello.models)
        self.host_pid = hello.pid
        self._stream = stream
        self._numbers = itertools.count(1)
        self._replies: dict[int, Channel[Reply]] = {}
        self._ended: AgentdError | None = None
        # The reader ends with the connection, so nobody has to end it.
        self._tasks = TaskOwner("model-host")
        self._tasks.start(self._read(), name="replies")

    @property
    def is_open(self) -> bool:
        """Whether calls can be made, as far as is known."""
        return self._ended is None and self._stream.is_open

    async def run(self, model: str, request: bytes) -> bytes:
        """Have a request answered.

        Raises ModelError as the host says, and ChannelError when the connection ends before.
        """
        number, channel = self._begin(model, request, stream=False)
        try:
            return await self._answer(channel)
        finally:
            self._end(number)

    async def stream(self, model: str, request: bytes) -> AsyncGenerator[bytes, None]:
        """Have a request answered in parts; raises as `run` does, also between two parts."""
        number, channel = self._begin(model, request, stream=True)
        try:
            while True:
                match await self._next(channel):
                    case ModelPart(data=data):
                        yield data
                    case ModelAnswer():
                        return
                    case ModelFailure() as failure:
                        raise error_of(failure)
        finally:
            self._end(number)

    def close(self) -> None:
        """End it; calls that are under way fail. May be repeated."""
        self._stream.close()

    # -- calls -------------------------------------------------------------------------

    def _begin(self, model: str, request: bytes, *, stream: bool) -> tuple[int, Channel[Reply]]:
        number = next(self._numbers)
        try:
            self._stream.send_nowait(
                ModelCall(call=number, model=model, request=request, stream=stream)
            )
        except FrameTooLarge as error:
            raise ModelError(f"a request is too large for the model host: {error}") from error
        channel = self._replies[number] = Channel[Reply](MAX_PARTS)
        return number, channel

    async def _answer(self, channel: Channel[Reply]) -> bytes:
        match await self._next(channel):
            case ModelAnswer(data=data):
                return data
            case ModelFailure() as failure:
                raise error_of(failure)
            case ModelPart():
                raise ProtocolError("the model host gave a part of an answer that was to be whole")

    async def _next(self, channel: Channel[Reply]) -> Reply:
        try:
            return await channel.receive()
        except ChannelError:
            raise self._ended or ModelError("answers came quicker than they were taken") from None

    def _end(self, number: int) -> None:
        """The call is over; one whose end has not come is not wanted any more."""
        if self._replies.pop(number, None) is None or not self.is_open:
            return
        try:
            self._stream.send_nowait(ModelCancel(call=number))
        except ChannelError:
            return  # the host is gone, and the call with it

    # -- reading -----------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                self._sort(await self._stream.receive())
        except ChannelError as error:
            self._lose(error)
        except ProtocolError as error:
            logger.error(
                "bad frame from the model host; calls are made anew",
                extra={"action": "bad_frame", "reason": str(error)},
            )
            self._lose(ChannelBroken(f"the model host sent a bad frame: {error}"))
        finally:
            self._lose(ChannelBroken("nobody reads from the model host any more"))

    def _sort(self, frame: FromModelHost) -> None:
        if isinstance(frame, HostHello):
            raise ProtocolError("a second HostHello frame")
        channel = self._replies.get(frame.call)
        if channel is None:
            return  # of a call that was cancelled
        if not isinstance(frame, ModelPart):
            del self._replies[frame.call]
        try:
            channel.send_nowait(frame)
        except WouldBlock:
            self._end(frame.call)
            channel.close()

    def _lose(self, error: ChannelError) -> None:
        if self._ended is None:
            self._ended = error
        self._stream.close()
        for channel in self._replies.values():
            channel.close()
        self._replies.clear()


async def connect(path: str, deadline_at: float) -> Connection:
    """Connect to a host and exchange hellos.

    Raises OSError where nobody listens, TimeoutError, ChannelError, and ProtocolError for what is
    no host of this version.
    """
    stream = _call(path)
    try:
        stream.send_nowait(ModelHello(version=PROTOCOL_VERSION, pid=os.getpid()))
        hello = await within(min(deadline_at, now() + HELLO_TIMEOUT), stream.receive())
        if not isinstance(hello, HostHello):
            raise ProtocolError(f"the model host began with a {type(hello).__name__} frame")
        if hello.version != PROTOCOL_VERSION:
            raise VersionMismatch(
                f"the model host speaks frame protocol {hello.version}, "
                f"this process {PROTOCOL_VERSION}"
            )
    except BaseException:
        stream.close()
        raise
    return Connection(stream, hello)


def _call(path: str) -> FrameStream[FromModelHost]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # Never waits: a Unix socket connects at once, or says that its backlog is full.
        sock.setblocking(False)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return FrameStream(sock, FromModelHost)
