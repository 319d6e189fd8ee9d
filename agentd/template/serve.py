"""The template's own life: import, freeze, fork on request."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable

from msgspec import structs

from agentd.aio.timing import monotonic
from agentd.app.describe import describe
from agentd.app.server import AgentServer
from agentd.child.entrypoint import load_app
from agentd.child.logs import FrameLogHandler, install, set_level
from agentd.child.stdio import redirect_output
from agentd.credentials import remember_environment
from agentd.errors import (
    AppError,
    AppImportFailed,
    AppNotFound,
    ChannelError,
    NoEntrypoint,
    ProtocolError,
)
from agentd.ipc.blocking import BlockingStream
from agentd.job.logfields import current_fields
from agentd.protocol.app import CONTROL_FD, STACKS_SIGNAL, BootArgs
from agentd.protocol.frames import (
    Fork,
    Forked,
    ForkFailed,
    Frame,
    ImportApp,
    SetLogLevel,
    TemplateFailed,
    TemplateReady,
    ToTemplate,
)
from agentd.protocol.ids import ChildId
from agentd.room.native import prepare_native_library
from agentd.tracing import prepare

from .fork import fork_orphan, threads
from .sources import app_files

TemplateStream = BlockingStream[ToTemplate]


def serve(boot: BootArgs) -> tuple[AgentServer, ChildId] | None:
    """Be the template. Returns twice over: None when it is over here, and in each forked
    child the app and the id that the child has.
    """
    _ignore_signals()
    sock = socket.socket(fileno=CONTROL_FD)
    stream: TemplateStream = BlockingStream(sock, ToTemplate)
    install(FrameLogHandler(_offer(stream), current_fields), boot.log_level)
    remember_environment()
    prepare_native_library()
    try:
        _await_import(stream)
        app = _import(boot, stream)
        return (app, _fork_on_request(stream)) if app is not None else None
    except ChannelError:
        return None  # the supervisor is gone or wants no more children


def _await_import(stream: TemplateStream) -> None:
    """A spare template may wait long, and be told how much to say meanwhile."""
    frame, _ = stream.receive()
    while isinstance(frame, SetLogLevel):
        set_level(frame.level)
        frame, _ = stream.receive()
    if not isinstance(frame, ImportApp):
        raise ProtocolError(f"a {type(frame).__name__} frame before ImportApp")


def _import(boot: BootArgs, stream: TemplateStream) -> AgentServer | None:
    started_at = monotonic()
    try:
        app = load_app(boot.app, verbose=boot.verbose)
        info = structs.replace(describe(app), files=app_files())
        prepare()
    except AppError as error:
        stream.send(failure_frame(error))
        return None
    # What is alive now stays so: the collector need not look at it again, and by not
    # writing its marks into these pages it leaves them shared with every child.
    gc.collect()
    gc.freeze()
    found = threads()
    ready = TemplateReady(
        pid=os.getpid(),
        app=info,
        can_fork=not found,
        why_not=_why_not(found),
        import_seconds=monotonic() - started_at,
    )
    stream.send(ready)
    return app


def _fork_on_request(stream: TemplateStream) -> ChildId:
    """Fork for each request; returns in the children only. Raises ChannelError at the end."""
    while True:
        frame, fds = stream.receive()
        if isinstance(frame, SetLogLevel):
            set_level(frame.level)
            continue
        if not isinstance(frame, Fork):
            raise ProtocolError(f"a {type(frame).__name__} frame where only Fork can be")
        if _fork(frame, fds, stream):
            return frame.child_id


def _fork(frame: Fork, fds: list[int], stream: TemplateStream) -> bool:
    """Fork one child; says True in the child."""
    found = threads()
    try:
        if found:
            raise OSError(_why_not(found))
        pid = fork_orphan()
    except OSError as error:
        stream.send(ForkFailed(child_id=frame.child_id, error=str(error), can_fork=not found))
        pid = 0
    if pid is None:
        _become_child(fds, stream)
        return True
    for fd in fds:
        os.close(fd)
    if pid:
        stream.send(Forked(child_id=frame.child_id, pid=pid))
    return False


def _become_child(fds: list[int], stream: TemplateStream) -> None:
    stream.close()
    for fd in fds:
        redirect_output(fd)


def failure_frame(error: AppError) -> TemplateFailed:
    """The report of an app that can't be had."""
    match error:
        case AppImportFailed():
            return TemplateFailed(kind="import_failed", error=str(error), traceback=error.traceback)
        case AppNotFound():
            return TemplateFailed(kind="not_found", error=str(error))
        case NoEntrypoint():
            return TemplateFailed(kind="no_entrypoint", error=str(error))
        case _:
            return TemplateFailed(kind="import_failed", error=str(error))


def _why_not(found: list[str]) -> str:
    if not found:
        return ""
    return f"these threads run in the template since the import: {', '.join(found)}"


def _offer(stream: TemplateStream) -> Callable[[Frame], bool]:
    def offer(frame: Frame) -> bool:
        try:
            stream.send(frame)
        except ChannelError:
            return False
        return True

    return offer


def _ignore_signals() -> None:
    """The supervisor decides: it closes the connection when the template is to end.

    Handlers, since "ignored" would be inherited by programs that the app starts. The one for
    stacks holds in a forked child until that has its own.
    """
    for number in (signal.SIGINT, signal.SIGTERM, STACKS_SIGNAL):
        signal.signal(number, lambda _number, _frame: None)
