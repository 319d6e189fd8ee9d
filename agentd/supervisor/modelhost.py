"""The model host as a child of the daemon's tree.

Its death fails no job: calls that are under way are made again with the next host, which takes its
place on the same path. One whose supervisor dies serves the jobs that go on without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from agentd.aio.timing import now, within
from agentd.errors import ChannelError, ModelHostError, ProtocolError
from agentd.figures import count
from agentd.figures.families import LOGS_DROPPED
from agentd.ipc.stream import FrameStream
from agentd.protocol.frames import Log, LogsDropped, LogValue, Ping, Pong, Shutdown
from agentd.protocol.model_frames import FromHostProcess, HostFailed, HostReady
from agentd.protocol.models import HostArgs
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded
from agentd.supervision.tasks import ready_task_child

from .connected import spawn_connected
from .exit import describe_status
from .output import OutputReader, RecordSink
from .process import OsProcess, Reaper

logger = logging.getLogger("agentd.supervisor")

STOP_TIMEOUT = 5.0
"""Seconds for the host to end when it is asked; it is killed then."""

PING_INTERVAL = 10.0
"""Seconds between two pings."""

PONG_TIMEOUT = 30.0
"""Seconds for the answer to one, for which the host has nothing to do but run its event loop."""

DEATH_TIMEOUT = 2.0
"""Seconds from the end of its connection until its death is seen."""

OUTPUT_TIMEOUT = 0.5

HEALTHY_AFTER = 10.0
"""Seconds of life after which earlier deaths of the host are forgotten."""

STOP_MARGIN = 10.0
"""Seconds for its end, by force too."""


class ModelHostSpec(Struct, frozen=True, kw_only=True):
    """All that a model host is started with."""

    args: HostArgs
    environment: Mapping[str, str]
    timeout: float
    """Seconds for all models to be loaded."""


class ModelHost:
    """`run` is one life of it: from spawn to reaped, or let go."""

    ID = "models"
    """Of the child in the tree."""

    def __init__(
        self,
        spec: ModelHostSpec,
        reaper: Reaper,
        sink: RecordSink,
        *,
        has_jobs: Callable[[], bool],
    ) -> None:
        """`has_jobs`: whether jobs go on when it is stopped; they keep the host then."""
        self._spec = spec
        self._reaper = reaper
        self._sink = sink
        self._has_jobs = has_jobs
        self._process: OsProcess | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Start a host, call `ready` once all is loaded; raises ModelHostError when it has died."""
        output = OutputReader(self._print)
        stream = self._spawn(output)
        try:
            self._tell_ready(await self._wait_ready(stream))
            ready()
            await self._listen(stream)
        except asyncio.CancelledError:
            if self._has_jobs():
                # It sees the end of the connection, and ends with the last of them.
                stream.close()
                output.close()
            else:
                await self._end(stream, output)
            raise
        except BaseException:
            await self._end(stream, output)
            raise

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    # -- inside ------------------------------------------------------------------------

    def _spawn(self, output: OutputReader) -> FrameStream[FromHostProcess]:
        arguments = ["-m", "agentd.modelhost", msgspec.json.encode(self._spec.args).decode()]
        try:
            self._process, stream = spawn_connected(
                arguments, self._spec.environment, output, self._reaper, FromHostProcess
            )
        except OSError as error:
            raise ModelHostError(f"no process could be started: {error.strerror}") from error
        return stream

    async def _wait_ready(self, stream: FrameStream[FromHostProcess]) -> HostReady:
        try:
            return await within(now() + self._spec.timeout, self._first_word(stream))
        except TimeoutError:
            raise ModelHostError(
                f"its models were not loaded within {self._spec.timeout:g} s; "
                "raise models_timeout if they take that long"
            ) from None

    async def _first_word(self, stream: FrameStream[FromHostProcess]) -> HostReady:
        while True:
            match await self._receive(stream):
                case HostReady() as ready:
                    return ready
                case HostFailed(error=error, model=model):
                    what = f"the model '{model}' could not be loaded: " if model else ""
                    raise ModelHostError(f"{what}{error}")
                case frame:
                    self._note(frame)

    async def _listen(self, stream: FrameStream[FromHostProcess]) -> None:
        """Hand on its logs until it dies; one that does not answer is killed."""
        for seq in itertools.count(1):
            with contextlib.suppress(ChannelError):  # who reads hears of it, and knows more
                stream.send_nowait(Ping(seq=seq))
            try:
                await within(now() + PONG_TIMEOUT, self._hear_pong(stream, seq))
            except TimeoutError:
                self.kill()
                raise ModelHostError(
                    f"the model host has not answered a ping for {PONG_TIMEOUT:g} s"
                ) from None
            with contextlib.suppress(TimeoutError):
                await within(now() + PING_INTERVAL, self._hear_pong(stream, -1))

    async def _hear_pong(self, stream: FrameStream[FromHostProcess], seq: int) -> None:
        """Hand on its logs until this pong comes."""
        while True:
            frame = await self._receive(stream)
            if isinstance(frame, Pong):
                if frame.seq == seq:
                    return
            else:
                self._note(frame)

    async def _receive(self, stream: FrameStream[FromHostProcess]) -> FromHostProcess:
        try:
            return await stream.receive()
        except ChannelError as error:
            raise ModelHostError(await self._describe_death()) from error
        except ProtocolError as error:
            self.kill()
            raise ModelHostError(f"the model host sent a bad frame: {error}") from error

    async def _describe_death(self) -> str:
        assert self._process is not None
        try:
            # The end of its connection may be seen a moment before its death.
            status = await within(now() + DEATH_TIMEOUT, self._process.wait())
        except TimeoutError:
            return "the model host has closed its connection"
        return f"the model host {describe_status(status)}"

    def _note(self, frame: FromHostProcess) -> None:
        match frame:
            case Log():
                self._sink.record(frame, self._origin())
            case LogsDropped(count=dropped):
                count(LOGS_DROPPED, dropped, by="child")
                logger.warning(
                    "log records of the model host were dropped",
                    extra={"action": "logs_dropped", "count": dropped, **self._origin()},
                )
            case HostReady() | HostFailed() | Pong():
                self.kill()
                raise ModelHostError(f"a {type(frame).__name__} frame at the wrong time")

    def _print(self, text: str) -> None:
        self._sink.line(text, self._origin())

    def _origin(self) -> dict[str, LogValue]:
        pid = self._process.pid if self._process is not None else None
        return {"child": self.ID, "pid": pid}

    def _tell_ready(self, ready: HostReady) -> None:
        logger.info(
            "models loaded",
            extra={
                "action": "models_ready",
                "host_pid": ready.pid,
                "models": ", ".join(ready.models),
                "seconds": round(ready.load_seconds, 3),
            },
        )

    async def _end(self, stream: FrameStream[FromHostProcess], output: OutputReader) -> None:
        process = self._process
        assert process is not None
        try:
            stream.send_nowait(Shutdown(reason="the daemon is stopping"))
        except ChannelError:
            self.kill()  # it has closed its connection: nothing can be asked of it
        await self._wait_dead(process)
        stream.close()
        await output.finish(OUTPUT_TIMEOUT)

    async def _wait_dead(self, process: OsProcess) -> None:
        try:
            await within(now() + STOP_TIMEOUT, process.wait())
        except TimeoutError:
            process.signal(signal.SIGKILL)
            await process.wait_killed(self.ID)
        except asyncio.CancelledError:
            process.signal(signal.SIGKILL)  # no more time
            raise


def models_child(host: ModelHost, *, models_timeout: float, restart_max_delay: float) -> ChildSpec:
    """The spec of the model host as a child: tried for ever, and costs nobody else anything."""
    return ChildSpec(
        id=ModelHost.ID,
        start=ready_task_child(host.run, name="models"),
        shutdown=STOP_MARGIN,
        # Its own deadline comes first and says more.
        start_timeout=models_timeout + STOP_MARGIN,
        backoff=BackoffSettings(cap=restart_max_delay),
        healthy_after=HEALTHY_AFTER,
        on_exceeded=OnExceeded.COOL_DOWN,
    )
