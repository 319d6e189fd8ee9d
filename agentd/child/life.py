"""The life of a child: say hello, prewarm, wait for a job, run it, report, exit."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import monotonic, now, within
from agentd.app.server import AgentServer
from agentd.app.usererror import one_line, user_traceback
from agentd.credentials import remember_environment
from agentd.errors import AppImportFailed, ChannelError, ProtocolError
from agentd.figures import count, here
from agentd.figures.families import SPANS_DROPPED
from agentd.job.departure import Departure
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
    CircuitNews,
    ClosingNoted,
    HandOver,
    Hello,
    InitFailed,
    Initialize,
    Offer,
    Ping,
    Pong,
    Ready,
    SetLogLevel,
    Shutdown,
    StartJob,
    ToChild,
    Withdraw,
)
from agentd.protocol.ids import ChildId
from agentd.protocol.job import JobAssignment, JobOffer, Resume
from agentd.resilience import circuits
from agentd.settings.load import export_livekit_env
from agentd.tracing import flush, flush_now, spans_lost

from .bootstrap import exit_at_once, new_loop, settle_process
from .circuits import CircuitLine
from .figures import FiguresLine
from .logs import FrameLogHandler, install, set_level
from .report import JobReport
from .supervisor_line import INITIALIZE_TIMEOUT, SupervisorLine

logger = logging.getLogger("agentd.child")

FLUSH_TIMEOUT = 2.0
"""Seconds for the last words, such as log records, on the way out."""

TRACE_FLUSH_TIMEOUT = 3.0
"""Seconds for the last spans of a job, once its end was told: a collector that hangs keeps the
process for so long, and nothing else."""

TRACE_HANDOVER_TIMEOUT = 0.5
"""The same where the job goes on elsewhere: the next process is on its way to the room."""

SUPERVISOR_GONE = "the supervisor is gone"

LoadApp = Callable[[], AgentServer]


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
    process = JobProcess()
    hello = Hello(version=PROTOCOL_VERSION, child_id=plan.child_id, pid=process.pid)
    line = SupervisorLine(plan.socket, hello)
    try:
        first = await within(now() + INITIALIZE_TIMEOUT, line.receive())
        if not isinstance(first, Initialize):
            raise ProtocolError(f"the supervisor began with a {type(first).__name__} frame")
        install(FrameLogHandler(line.offer, current_fields), first.config.log_level)
        export_livekit_env(first.config)
        remember_environment()
        process = JobProcess(http_proxy=first.config.http_proxy or None)
        app = _prewarm(plan, load, process, line)
        if app is None:
            return 1
        async with TaskOwner("child") as tasks:
            await _Life(plan.child_id, app, process, first.config, line, tasks).run()
    except ChannelError:
        return 0  # the supervisor is gone, or does not know this child: there is nothing to do
    finally:
        await line.flush(FLUSH_TIMEOUT)
        line.close()
    return 0


def _prewarm(
    plan: ChildPlan, load: LoadApp, process: JobProcess, line: SupervisorLine
) -> AgentServer | None:
    """Load and prewarm the app; None when that failed and the supervisor has been told why."""
    started_at = monotonic()
    try:
        app = load()
        run_prewarm(app, process)
    except AppImportFailed as error:
        line.send(InitFailed(error=str(error), traceback=error.traceback))
        return None
    # The border to user code: prewarm may raise anything, and the supervisor is told what.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        trace = user_traceback(error, verbose=plan.verbose)
        line.send(InitFailed(error=one_line(error), traceback=trace))
        return None
    line.send(Ready(prewarm_seconds=monotonic() - started_at))
    return app


class _Life:
    """A warm child: what each frame does to it."""

    def __init__(
        self,
        child_id: ChildId,
        app: AgentServer,
        process: JobProcess,
        config: ChildConfig,
        line: SupervisorLine,
        tasks: TaskOwner,
    ) -> None:
        self._id = child_id
        self._app = app
        self._process = process
        self._config = config
        self._line = line
        self._tasks = tasks
        self._circuits = CircuitLine(line, circuits())
        self._figures = FiguresLine(line, here)
        self._over = asyncio.Event()
        self._shutdown = ShutdownRequest()
        self._departure = Departure()
        self._question: asyncio.Task[None] | None = None
        self._report: JobReport | None = None
        """Of the job; None until there is one."""
        self._listening = True
        """Whether a supervisor is heard, or may yet be."""

    async def run(self) -> None:
        """Until the job is over, or the supervisor wants no more of this child."""
        loop = asyncio.get_running_loop()
        # SIGTERM to one child is an order to that child; the daemon itself uses frames.
        loop.add_signal_handler(signal.SIGTERM, self._end, "the process got SIGTERM")
        self._circuits.start()
        self._figures.start()
        self._tasks.start(self._listen(), name="frames")
        try:
            await self._over.wait()
        finally:
            self._circuits.stop()
            self._figures.stop()

    async def _listen(self) -> None:
        try:
            while True:
                try:
                    self._handle(await self._line.receive())
                except ChannelError as error:
                    if not await self._come_back(error):
                        break
        except ProtocolError as error:
            logger.error(
                "bad frame from the supervisor; this child ends",
                extra={"action": "bad_frame", "reason": str(error)},
            )
            self._end(f"bad frame from the supervisor: {error}")
        self._listening = False
        self._end(SUPERVISOR_GONE)
        if self._report is not None and self._report.has_ended:
            self._over.set()

    def _handle(self, frame: ToChild) -> None:  # noqa: PLR0912 - a table: one case a frame
        match frame:
            case Ping(seq=seq):
                self._line.send(Pong(seq=seq))
            case Offer(offer=offer):
                self._question = self._tasks.start(self._answer(offer), name="offer")
            case Withdraw():
                if self._question is not None:
                    self._question.cancel()
            case StartJob(assignment=assignment, resume=resume):
                self._start_job(assignment, resume)
            case CircuitNews():
                self._circuits.hear(frame)
            case SetLogLevel(level=level):
                set_level(level)
            case ClosingNoted():
                if self._report is not None:
                    self._report.noted.set()
            case Shutdown(reason=reason):
                self._end(reason)
            case HandOver():
                self._tasks.start(self._leave(self._known_report()), name="hand over")
            case Initialize() | Adopted():
                raise ProtocolError(f"a {type(frame).__name__} frame at the wrong time")
            case _:
                assert_never(frame)

    async def _answer(self, offer: JobOffer) -> None:
        answer = await answer_offer(self._app, offer, self._process)
        self._line.send(Answer(job_id=offer.job_id, answer=answer))

    def _start_job(self, assignment: JobAssignment, resume: Resume | None) -> None:
        if self._report is not None:
            raise ProtocolError("a second StartJob frame")
        self._report = JobReport(assignment, self._line, resume)
        self._tasks.start(self._run_job(assignment, resume, self._report), name="job")

    async def _run_job(
        self, assignment: JobAssignment, resume: Resume | None, report: JobReport
    ) -> None:
        try:
            outcome = await run_job(
                self._app,
                assignment,
                self._process,
                self._config,
                shutdown=self._shutdown,
                listener=report,
                resume=resume,
                departure=self._departure,
            )
        except BaseException:
            self._over.set()  # a fault of ours: the supervisor sees a job without an end
            raise
        report.ended(outcome)
        await flush(TRACE_FLUSH_TIMEOUT)
        self._tell_lost_spans()
        await self._see_off_the_end()

    def _tell_lost_spans(self) -> None:
        if lost := spans_lost():
            count(SPANS_DROPPED, lost)
            logger.warning(
                "spans of the job have not reached the collector and are lost",
                extra={"action": "spans_lost", "spans": lost},
            )

    def _known_report(self) -> JobReport:
        if self._report is None:
            raise ProtocolError("a HandOver frame without a job")
        return self._report

    async def _leave(self, report: JobReport) -> None:
        """Let go of the job, which goes on in another child, and exit; or say why that can't be."""
        refusal = await self._departure.prepare()
        self._figures.send()
        told = report.handed_over(refusal)
        if refusal:
            return
        if told and await self._line.flush(FLUSH_TIMEOUT):
            self._departure.clear_up()
            flush_now(TRACE_HANDOVER_TIMEOUT)
            exit_at_once()
        self._departure.stay()  # the supervisor is lost, and with it whoever would go on

    async def _see_off_the_end(self) -> None:
        """The child may go when the end of its job is told, or nobody is left to be told."""
        told = await self._line.flush(self._config.reconnect_grace)
        # A connection that broke meanwhile is `_listen`'s matter: it finds who can be told.
        if told or self._line.connected or not self._listening:
            self._over.set()

    def _end(self, reason: str) -> None:
        if self._report is None:
            self._over.set()
        else:
            self._shutdown.request(reason)

    async def _come_back(self, lost: ChannelError) -> bool:
        """A call goes on without its supervisor for a while, and another one is looked for.

        Without a job there is nothing to stay for.
        """
        report = self._report
        if report is None:
            return False
        grace = self._config.reconnect_grace
        logger.warning(
            "the supervisor is lost; the job goes on and another supervisor is looked for",
            extra={"action": "supervisor_lost", "reason": str(lost), "grace": grace},
        )
        hello = await self._line.connect_again(
            lambda: report.hello(self._id, self._process.pid), now() + grace
        )
        if hello is None:
            logger.error(
                "no supervisor has come in time; the job is shut down",
                extra={"action": "supervisor_gone", "grace": grace},
            )
            return False
        report.say_again(hello)
        self._circuits.say_again()
        self._figures.send()
        if report.has_ended:
            await self._see_off_the_end()
        return True
