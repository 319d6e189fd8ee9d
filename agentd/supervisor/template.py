"""The supervisor's side of a template: the process that imports the app once and forks."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now, within
from agentd.errors import (
    AgentdError,
    AppError,
    AppImportFailed,
    AppNotFound,
    ChannelError,
    NoEntrypoint,
    ProtocolError,
    TemplateError,
)
from agentd.ipc.stream import FrameStream
from agentd.protocol.app import AppRef, BootArgs
from agentd.protocol.frames import (
    Fork,
    Forked,
    ForkFailed,
    FromTemplate,
    ImportApp,
    Log,
    LogValue,
    SetLogLevel,
    TemplateFailed,
    TemplateReady,
)
from agentd.protocol.ids import ChildId

from .connected import spawn_connected
from .exit import describe_status
from .output import OutputReader, RecordSink
from .process import OsProcess, Reaper
from .spawn import spawn_python

logger = logging.getLogger("agentd.supervisor")

FORK_TIMEOUT = 5.0
"""Seconds for an answer to a fork request, which takes milliseconds; a template that gives
none (stopped, or held up by a hook of the user's) is killed, so that another takes its place."""

STOP_TIMEOUT = 2.0
OUTPUT_TIMEOUT = 0.5


class Launcher(Protocol):
    """A way to bring a child into the world."""

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        """Start a child and return its pid; raises TemplateError."""
        ...


class TemplateSpec(Struct, frozen=True, kw_only=True):
    """All that a template, or a child without one, is started with."""

    app: AppRef
    socket: str
    environment: Mapping[str, str]
    timeout: float
    """Seconds for the import of the app and its preload hook."""
    log_level: str = "INFO"
    verbose: bool = False

    def arguments(self, *, child_id: str = "") -> str:
        """The one command line argument of the process."""
        boot = BootArgs(
            app=self.app,
            socket=self.socket,
            child_id=child_id,
            log_level=self.log_level,
            verbose=self.verbose,
        )
        return msgspec.json.encode(boot).decode()


class SpawnLauncher:
    """Starts each child from nothing: slower, for where forking can't be."""

    def __init__(self, spec: TemplateSpec) -> None:
        self._spec = spec

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        arguments = ["-m", "agentd.child", self._spec.arguments(child_id=child_id)]
        try:
            return spawn_python(arguments, self._spec.environment, output_fd=output_fd)
        except OSError as error:
            raise TemplateError(f"no process could be started: {error.strerror}") from error


class Template:
    """One template process, from spawn to reaped. Forks children once `start` has returned."""

    def __init__(self, spec: TemplateSpec, reaper: Reaper, sink: RecordSink) -> None:
        self._spec = spec
        self._reaper = reaper
        self._sink = sink
        self._tasks = TaskOwner("template")
        self._forks: dict[ChildId, asyncio.Future[int]] = {}
        self._stream: FrameStream[FromTemplate] | None = None
        self._process: OsProcess | None = None
        self._output: OutputReader | None = None
        self.on_cannot_fork: Callable[[str], None] = _ignore
        """Told why, when a thread has appeared in the process since it was ready."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.status is None

    def spawn(self) -> None:
        """Start the process, which makes itself ready to import the app for `start`.

        May be left out; a template that waits so is a spare, and makes a later `start` quick.
        """
        if self._stream is None:
            self._stream = self._spawn()

    async def start(self) -> TemplateReady:
        """Have the app imported, in a process spawned now or before.

        Raises AppNotFound, AppImportFailed or NoEntrypoint as the app deserves, and
        TemplateError when the process itself failed. Nothing is left behind then.
        """
        try:
            self.spawn()
            stream = self._channel()
            stream.send_nowait(ImportApp())
            ready = await within(now() + self._spec.timeout, self._first_word(stream))
        except TimeoutError:
            await self.stop()
            raise TemplateError(
                f"the app was not imported within {self._spec.timeout:g} s; "
                "raise template_timeout if its imports or preload take that long"
            ) from None
        except ChannelError as error:  # the spare had died unseen
            await self.stop()
            raise TemplateError(f"the template was lost: {error}") from error
        except BaseException:
            await self.stop()
            raise
        self._tasks.start(self._listen(stream), name="listen")
        return ready

    async def wait(self) -> str:
        """Wait for its death and say how it came."""
        assert self._process is not None
        return describe_status(await self._process.wait())

    async def launch(self, child_id: ChildId, output_fd: int) -> int:
        """Fork a child and return its pid; raises TemplateError."""
        stream = self._channel()
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._forks[child_id] = answer
        try:
            stream.send_nowait(Fork(child_id=child_id), fds=(output_fd,))
            return await within(now() + FORK_TIMEOUT, answer)
        except TimeoutError:
            self.kill()
            raise TemplateError(
                f"the template did not fork within {FORK_TIMEOUT:g} s; it is replaced"
            ) from None
        except ChannelError as error:
            raise TemplateError(f"the template can't be reached: {error}") from error
        finally:
            self._forks.pop(child_id, None)

    def set_log_level(self, level: str) -> None:
        """Have it write this much from now on."""
        self._spec = replace(self._spec, log_level=level)
        if self._stream is not None and self.alive:
            try:
                self._stream.send_nowait(SetLogLevel(level=level))
            except ChannelError:
                return  # it is dying, and another one comes

    async def stop(self) -> None:
        """Have it exit, by force after a moment; its children live on. May be repeated."""
        await self._tasks.aclose()
        if self._stream is not None:
            self._stream.close()  # it exits when it reads the end
        if self._process is not None:
            await self._end_process(self._process)
        if self._output is not None:
            await self._output.finish(OUTPUT_TIMEOUT)
        self._fail_forks("the template was stopped")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    # -- inside --------------------------------------------------------------------

    def _spawn(self) -> FrameStream[FromTemplate]:
        output = self._output = OutputReader(self._print)
        arguments = ["-m", "agentd.template", self._spec.arguments()]
        try:
            self._process, stream = spawn_connected(
                arguments, self._spec.environment, output, self._reaper, FromTemplate
            )
        except OSError as error:
            raise TemplateError(f"no process could be started: {error.strerror}") from error
        return stream

    def _channel(self) -> FrameStream[FromTemplate]:
        if self._stream is None:
            raise TemplateError("the template is not running")
        return self._stream

    def _print(self, text: str) -> None:
        self._sink.line(text, self._origin())

    def _origin(self) -> dict[str, LogValue]:
        """Whose a line of its own is, as with a child's."""
        return {"child": "template", "pid": self.pid}

    async def _first_word(self, stream: FrameStream[FromTemplate]) -> TemplateReady:
        while True:
            try:
                frame = await stream.receive()
            except ChannelError as error:
                raise await self._died_early(error) from error
            match frame:
                case TemplateReady():
                    return frame
                case TemplateFailed():
                    raise app_error(frame)
                case Log():
                    self._sink.record(frame, self._origin())
                case _:
                    raise TemplateError(f"the template began with a {type(frame).__name__} frame")

    async def _died_early(self, error: AgentdError) -> TemplateError:
        assert self._process is not None
        try:
            # The end of its connection may be seen a moment before its death.
            status = await within(now() + STOP_TIMEOUT, self._process.wait())
        except TimeoutError:
            return TemplateError(f"the template was lost: {error}")
        return TemplateError(f"the process {describe_status(status)} while it imported the app")

    async def _listen(self, stream: FrameStream[FromTemplate]) -> None:
        try:
            while True:
                self._handle(await stream.receive())
        except ChannelError as error:
            self._fail_forks(f"the template is gone: {error}")
        except ProtocolError as error:
            self._fail_forks(f"the template sent a bad frame: {error}")
            self.kill()

    def _handle(self, frame: FromTemplate) -> None:
        match frame:
            case Forked(child_id=child_id, pid=pid):
                self._settle(child_id, pid)
            case ForkFailed(child_id=child_id, error=error, can_fork=can_fork):
                self._settle(child_id, TemplateError(error))
                if not can_fork:
                    self.on_cannot_fork(error)
            case Log():
                self._sink.record(frame, self._origin())
            case _:
                raise ProtocolError(f"a {type(frame).__name__} frame at the wrong time")

    def _settle(self, child_id: ChildId, result: int | TemplateError) -> None:
        answer = self._forks.get(child_id)
        if answer is None or answer.done():
            return  # nobody waits any more; the pool kills a child that says hello unasked
        if isinstance(result, int):
            answer.set_result(result)
        else:
            answer.set_exception(result)

    def _fail_forks(self, why: str) -> None:
        for child_id in list(self._forks):
            self._settle(child_id, TemplateError(why))

    async def _end_process(self, process: OsProcess) -> None:
        try:
            await within(now() + STOP_TIMEOUT, process.wait())
        except TimeoutError:
            process.signal(signal.SIGKILL)
            await process.wait_killed("template")


def app_error(frame: TemplateFailed) -> AppError:
    """The error that a template's report stands for."""
    match frame.kind:
        case "not_found":
            return AppNotFound(frame.error)
        case "import_failed":
            return AppImportFailed(frame.error, traceback=frame.traceback)
        case "no_entrypoint":
            return NoEntrypoint(frame.error)


def _ignore(_why: str) -> None:
    return
