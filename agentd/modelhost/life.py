"""The life of a model host: load, say so, serve, end.

It ends when its supervisor asks it to. When that has died the host goes on, since jobs go on
too: for as long as somebody uses it, and a while longer.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import monotonic, now, within
from agentd.child.logs import FrameLogHandler, install
from agentd.child.stacks import STDERR_FD
from agentd.child.stdio import drop_output_without_reader
from agentd.errors import ChannelError, DirectoryUnusable
from agentd.ipc.stream import FrameStream
from agentd.protocol.app import CONTROL_FD
from agentd.protocol.frames import Frame, Ping, Pong, Shutdown
from agentd.protocol.model_frames import HostFailed, HostReady, ToHostProcess
from agentd.protocol.models import HostArgs

from .loaded import LoadedModels, LoadFailed
from .serving import ModelServer

ORPHAN_LINGER = 60.0
"""Seconds without a client after which a host ends whose supervisor has died. A job that goes on
without a supervisor may ask for its first model as late as that."""

IDLE_TIMEOUT = 3.0
"""Seconds for calls that are under way when the host is asked to end."""

FLUSH_TIMEOUT = 2.0
"""Seconds for the last words on the way out."""

HUNG_CODE = 4
"""Exit code of a host with a model that hangs."""

logger = logging.getLogger("agentd.modelhost")


async def live(args: HostArgs) -> int:
    """Be a model host until it is over; returns the exit code of the process."""
    control = FrameStream[ToHostProcess](socket.socket(fileno=CONTROL_FD), ToHostProcess)
    install(FrameLogHandler(control.offer, dict), args.log_level)
    hung: Channel[str] = Channel(len(args.models) + 1)
    models = LoadedModels(args.models, hung_after=args.hung_after, on_hung=hung.send_nowait)
    try:
        async with TaskOwner("model-host") as tasks:
            tasks.start(_die_hung(hung, control, args.hung_after), name="hung")
            return await _Host(args, models, control, tasks).run()
    finally:
        models.close()
        await control.flush(FLUSH_TIMEOUT)
        control.close()


class _Host:
    def __init__(
        self,
        args: HostArgs,
        models: LoadedModels,
        control: FrameStream[ToHostProcess],
        tasks: TaskOwner,
    ) -> None:
        self._args = args
        self._models = models
        self._control = control
        self._ending = tasks.start(_wait_asked(control), name="control", report=False)
        """Whether it was asked to end; False: its supervisor is gone."""
        self._loading = tasks.start(models.load(), name="load", report=False)

    async def run(self) -> int:
        began_at = monotonic()
        await asyncio.wait({self._ending, self._loading}, return_when=asyncio.FIRST_COMPLETED)
        if not self._loading.done():
            return 0
        try:
            self._loading.result()
            async with ModelServer(Path(self._args.socket), self._models) as server:
                self._tell_ready(monotonic() - began_at)
                await self._serve(server)
        except LoadFailed as error:
            self._tell(HostFailed(error=str(error), model=error.model))
            return 1
        except DirectoryUnusable as error:
            self._tell(HostFailed(error=str(error)))
            return 1
        return 0

    async def _serve(self, server: ModelServer) -> None:
        if await self._ending:
            try:
                await within(now() + IDLE_TIMEOUT, server.wait_idle())
            except TimeoutError:
                return  # who waits for these calls is told by the end of its connection
        else:
            drop_output_without_reader()
            await _wait_terminated_or(server.wait_forsaken(ORPHAN_LINGER))

    def _tell_ready(self, seconds: float) -> None:
        self._tell(HostReady(pid=os.getpid(), models=self._models.keys, load_seconds=seconds))

    def _tell(self, frame: Frame) -> None:
        try:
            self._control.send_nowait(frame)
        except ChannelError:
            return  # `_ending` says so, too


async def _die_hung(
    hung: Channel[str], control: FrameStream[ToHostProcess], seconds: float
) -> None:
    """End the process at once when a model hangs: the next host answers again."""
    model = await hung.receive()
    logger.error(
        "a model hangs; the model host ends, so that another takes its place",
        extra={
            "action": "model_hung",
            "model": model,
            "reason": f"it has not answered for {seconds:g} s",
        },
    )
    faulthandler.dump_traceback(file=STDERR_FD)  # the log shows where it hangs
    await control.flush(FLUSH_TIMEOUT)
    os._exit(HUNG_CODE)  # an ordinary exit would wait for its thread


async def _wait_asked(control: FrameStream[ToHostProcess]) -> bool:
    """Wait for the supervisor's wish that the host ends; False when there is no supervisor."""
    try:
        while True:
            match await control.receive():
                case Ping(seq=seq):
                    control.send_nowait(Pong(seq=seq))
                case Shutdown():
                    return True
    except ChannelError:
        return False


async def _wait_terminated_or(forsaken: Coroutine[Any, Any, None]) -> None:
    """Without a supervisor SIGTERM is meant: until then it is the supervisor who decides."""
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with TaskOwner("orphaned-model-host") as tasks:
        ends = {
            tasks.start(forsaken, name="forsaken"),
            tasks.start(terminated.wait(), name="terminated"),
        }
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
