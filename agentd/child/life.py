"""The life of a child: say hello, prewarm, wait for a job, run it, report, exit."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import monotonic, now, within
from agentd.app.server import AgentServer
from agentd.app.usererror import one_line, user_traceback
from agentd.errors import AppImportFailed, ChannelError, ProtocolError
from agentd.ipc.stream import FrameStream
from agentd.job.hooks import answer_offer, run_prewarm
from agentd.job.logfields import current_fields
from agentd.job.process import JobProcess
from agentd.job.run import run_job
from agentd.job.shutdown import ShutdownRequest
from agentd.protocol.frames import (
    PROTOCOL_VERSION,
    Adopted,
    Answer,
    ChildConfig,
    ClosingNoted,
    Hello,
    InitFailed,
    Initialize,
    JobClosing,
    JobEnded,
    JobStarted,
    Offer,
    Ping,
    Pong,
    Ready,
    Shutdown,
    StartJob,
    ToChild,
    Withdraw,
)
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobAssignment, JobOffer, JobOutcome
from agentd.settings.load import export_livekit_env

from .bootstrap import new_loop, settle_process
from .logs import FrameLogHandler, install

logger = logging.getLogger("agentd.child")

INITIALIZE_TIMEOUT = 10.0
"""Seconds to wait for the supervisor's answer to `Hello`."""

FLUSH_TIMEOUT = 2.0

LoadApp = Callable[[], AgentServer]
ToChildStream = FrameStream[ToChild]


class ChildPlan(Struct, frozen=True, kw_only=True):
    """What a child knows of itself when it starts."""

    child_id: ChildId
    socket: str
    verbose: bool = False
    """Show agentd's own frames in tracebacks of user code."""


def run_child(plan: ChildPlan, load: LoadApp) -> int:
    """Be a child until it is over; returns the exit code of the process."""
    settle_process()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_live(plan, load))


async def _live(plan: ChildPlan, load: LoadApp) -> int:
    stream = _connect(plan)
    try:
        first = await within(now() + INITIALIZE_TIMEOUT, stream.receive())
        if not isinstance(first, Initialize):
            raise ProtocolError(f"the supervisor began with a {type(first).__name__} frame")
        install(FrameLogHandler(stream.offer, current_fields), first.config.log_level)
        export_livekit_env(first.config)
        process = JobProcess(http_proxy=first.config.http_proxy or None)
        app = _prewarm(plan, load, process, stream)
        if app is None:
            return 1
        async with TaskOwner("child") as tasks:
            await _Life(app, process, first.config, stream, tasks).run()
    except ChannelError:
        return 0  # the supervisor is gone, or does not know this child: there is nothing to do
    finally:
        await stream.flush(FLUSH_TIMEOUT)
        stream.close()
    return 0


def _connect(plan: ChildPlan) -> ToChildStream:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.connect(plan.socket)
    stream: ToChildStream = FrameStream(sock, ToChild)
    process = JobProcess()
    stream.send_nowait(Hello(version=PROTOCOL_VERSION, child_id=plan.child_id, pid=process.pid))
    return stream


def _prewarm(
    plan: ChildPlan, load: LoadApp, process: JobProcess, stream: ToChildStream
) -> AgentServer | None:
    """Load and prewarm the app; None when that failed and the supervisor has been told why."""
    started_at = monotonic()
    try:
        app = load()
        run_prewarm(app, process)
    except AppImportFailed as error:
        stream.send_nowait(InitFailed(error=str(error), traceback=error.traceback))
        return None
    # The border to user code: prewarm may raise anything, and the supervisor is told what.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        trace = user_traceback(error, verbose=plan.verbose)
        stream.send_nowait(InitFailed(error=one_line(error), traceback=trace))
        return None
    stream.send_nowait(Ready(prewarm_seconds=monotonic() - started_at))
    return app


class _Life:
    """A warm child: what each frame does to it."""

    def __init__(
        self,
        app: AgentServer,
        process: JobProcess,
        config: ChildConfig,
        stream: ToChildStream,
        tasks: TaskOwner,
    ) -> None:
        self._app = app
        self._process = process
        self._config = config
        self._stream = stream
        self._tasks = tasks
        self._over = asyncio.Event()
        self._closing_noted = asyncio.Event()
        self._shutdown = ShutdownRequest()
        self._question: asyncio.Task[None] | None = None
        self._job: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the job is over, or the supervisor wants no more of this child."""
        loop = asyncio.get_running_loop()
        # SIGTERM to one child is an order to that child; the daemon itself uses frames.
        loop.add_signal_handler(signal.SIGTERM, self._end, "the process got SIGTERM")
        self._tasks.start(self._listen(), name="frames")
        await self._over.wait()

    async def _listen(self) -> None:
        try:
            while True:
                self._handle(await self._stream.receive())
        except ChannelError:
            await self._supervisor_lost()
        except ProtocolError as error:
            logger.error(
                "bad frame from the supervisor; this child ends",
                extra={"action": "bad_frame", "reason": str(error)},
            )
            self._end(f"bad frame from the supervisor: {error}")

    def _handle(self, frame: ToChild) -> None:
        match frame:
            case Ping(seq=seq):
                self._stream.send_nowait(Pong(seq=seq))
            case Offer(offer=offer):
                self._question = self._tasks.start(self._answer(offer), name="offer")
            case Withdraw():
                if self._question is not None:
                    self._question.cancel()
            case StartJob(assignment=assignment):
                self._job = self._tasks.start(self._run_job(assignment), name="job")
            case ClosingNoted():
                self._closing_noted.set()
            case Shutdown(reason=reason):
                self._end(reason)
            case Initialize() | Adopted():
                raise ProtocolError(f"a {type(frame).__name__} frame at the wrong time")
            case _:
                assert_never(frame)

    async def _answer(self, offer: JobOffer) -> None:
        answer = await answer_offer(self._app, offer, self._process)
        self._stream.send_nowait(Answer(job_id=offer.job_id, answer=answer))

    async def _run_job(self, assignment: JobAssignment) -> None:
        try:
            outcome = await run_job(
                self._app,
                assignment,
                self._process,
                self._config,
                shutdown=self._shutdown,
                on_started=lambda: self._tell_started(assignment),
                on_closing=lambda outcome: self._tell_closing(assignment, outcome),
            )
            self._stream.send_nowait(JobEnded(job_id=assignment.job_id, outcome=outcome))
        except ChannelError:
            return  # the job has ended in order, there is just nobody left to tell
        finally:
            self._over.set()

    def _tell_started(self, assignment: JobAssignment) -> None:
        try:
            self._stream.send_nowait(JobStarted(job_id=assignment.job_id))
        except ChannelError:
            return  # the listening task sees the same and decides what that means

    async def _tell_closing(self, assignment: JobAssignment, outcome: JobOutcome) -> None:
        try:
            self._stream.send_nowait(JobClosing(job_id=assignment.job_id, outcome=outcome))
        except ChannelError:
            return  # with nobody to tell there is nothing to wait for
        await self._closing_noted.wait()

    def _end(self, reason: str) -> None:
        if self._job is None:
            self._over.set()
        else:
            self._shutdown.request(reason)

    async def _supervisor_lost(self) -> None:
        """Without a job there is nothing to stay for; a call goes on for a while."""
        if self._job is not None and not self._job.done():
            await asyncio.wait({self._job}, timeout=self._config.reconnect_grace)
        self._end("the supervisor is gone")
