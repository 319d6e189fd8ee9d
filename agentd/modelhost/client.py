"""One process that uses the models: its calls, and what is answered."""

from __future__ import annotations

import asyncio
import logging
import os

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import (
    ChannelClosed,
    ChannelError,
    FrameTooLarge,
    ModelError,
    ProtocolError,
    VersionMismatch,
)
from agentd.ipc.listener import Peer
from agentd.ipc.stream import FrameStream
from agentd.models.failure import failure_of
from agentd.protocol.frames import PROTOCOL_VERSION
from agentd.protocol.model_frames import (
    FromModelHost,
    HostHello,
    ModelAnswer,
    ModelCall,
    ModelCancel,
    ModelHello,
    ModelPart,
    ToModelHost,
)

from .loaded import LoadedModels

logger = logging.getLogger("agentd.modelhost")

HELLO_TIMEOUT = 5.0
"""Seconds within which a client says hello."""

ClientStream = FrameStream[ToModelHost]


class Client:
    """Serves one connection; whatever comes over it ends nothing but itself."""

    def __init__(self, stream: ClientStream, peer: Peer, models: LoadedModels) -> None:
        self._stream = stream
        self._peer = peer
        self._models = models
        self._tasks = TaskOwner(f"client-{peer.pid}")
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until the client goes, or is not worth listening to; its calls end with it."""
        try:
            await self._greet()
            while True:
                self._handle(await self._stream.receive())
        except ChannelError:
            return
        except (ProtocolError, TimeoutError) as error:
            logger.warning(
                "a client of the models is turned away",
                extra={
                    "action": "model_client_refused",
                    "peer_pid": self._peer.pid,
                    "reason": str(error) or "it said nothing",
                },
            )
        finally:
            self._stream.close()
            await self._tasks.aclose()

    async def wait_idle(self) -> None:
        """Wait until no call of it is under way."""
        await self._tasks.wait()

    def close(self) -> None:
        """Hear it no more."""
        self._stream.close()

    async def _greet(self) -> None:
        hello = await within(now() + HELLO_TIMEOUT, self._stream.receive())
        if not isinstance(hello, ModelHello):
            raise ProtocolError(f"its first frame was {type(hello).__name__}")
        self._stream.send_nowait(
            HostHello(version=PROTOCOL_VERSION, pid=os.getpid(), models=self._models.keys)
        )
        if hello.version != PROTOCOL_VERSION:
            raise VersionMismatch(
                f"it speaks frame protocol {hello.version}, this host {PROTOCOL_VERSION}"
            )

    def _handle(self, frame: ToModelHost) -> None:
        match frame:
            case ModelCall():
                self._begin(frame)
            case ModelCancel(call=call):
                if (task := self._calls.get(call)) is not None:
                    task.cancel()
            case ModelHello():
                raise ProtocolError("a second ModelHello frame")

    def _begin(self, call: ModelCall) -> None:
        if call.call in self._calls:
            raise ProtocolError(f"a second call {call.call}")
        task = self._tasks.start(self._answer(call), name=f"call-{call.call}")
        self._calls[call.call] = task
        task.add_done_callback(lambda _: self._calls.pop(call.call, None))

    async def _answer(self, call: ModelCall) -> None:
        try:
            await self._call(call)
        except ModelError as error:
            self._send(failure_of(call.call, error))
        # The border to a model's own code: it costs this call, and no other.
        except Exception as error:
            logger.exception(
                "a model's call failed", extra={"action": "model_call_failed", "model": call.model}
            )
            self._send(failure_of(call.call, ModelError(f"{type(error).__name__}: {error}")))

    async def _call(self, call: ModelCall) -> None:
        model = self._models.find(call.model)
        if not call.stream:
            self._send(ModelAnswer(call=call.call, data=await model.run(call.request)))
            return
        parts = model.stream(call.request)
        try:
            async for part in parts:
                self._send(ModelPart(call=call.call, data=part))
        finally:
            await parts.aclose()
        self._send(ModelAnswer(call=call.call))

    def _send(self, frame: FromModelHost) -> None:
        """Send a frame, if there is anybody to read it; raises ModelError for one too large."""
        try:
            self._stream.send_nowait(frame)
        except FrameTooLarge as error:
            raise ModelError(f"the answer is too large: {error}") from error
        except ChannelClosed:
            return
        except ChannelError as error:
            # Gone, or it has stopped reading: `run` hears of it too, and ends its calls.
            logger.debug(
                "an answer could not be sent",
                extra={"action": "model_answer_unsent", "reason": str(error)},
            )
