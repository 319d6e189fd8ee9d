"""One child process, from the wish for it until it is reaped.

`Child.run` is the whole life: launch, handshake, prewarm, then frames until the process
is dead; `Child.run_adopted` is the rest of the life of one that another daemon has made.
What the pool and the desk do to a child meanwhile (reserve it, offer, start a job, shut
down) are short calls that send a frame or set a timer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, Protocol, assert_never

from msgspec import Struct
from msgspec.structs import replace

from agentd.aio.timing import now, within
from agentd.errors import AgentdError, ChannelError, ChildError, ProtocolError
from agentd.figures import count, observe
from agentd.figures.families import CHILD_START, LOGS_DROPPED
from agentd.ipc.listener import ChildStream, Peer
from agentd.protocol.frames import (
    Answer,
    ChildConfig,
    CircuitNews,
    CircuitReport,
    ClosingNoted,
    Counted,
    FromChild,
    HandedOver,
    HandOver,
    Hello,
    InitFailed,
    JobBack,
    JobClosing,
    JobEnded,
    JobStarted,
    Log,
    LogsDropped,
    LogValue,
    Offer,
    Ping,
    Pong,
    Ready,
    SetLogLevel,
    Shutdown,
    Snapshot,
    StartJob,
    ToChild,
    Withdraw,
)
from agentd.protocol.ids import ChildId, JobId, SlotId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOffer, Resume

from .exit import ExitReason, WaitStatus, judge_exit
from .handshake import ADOPT_TIMEOUT, ChildLink, adopt, initialize, launch
from .heartbeat import Patience
from .memory import MemoryLimits
from .output import OutputReader, RecordSink
from .postmortem import Deceased
from .process import OsProcess, Reaper, Usage
from .recorder import FlightRecorder
from .stacks import Stacks, StackTaker
from .template import Launcher
from .watchedjob import JobWatcher, WatchedJob

logger = logging.getLogger("agentd.supervisor")

ChildState = Literal[
    "starting", "prewarming", "adopting", "idle", "reserved", "running", "stopping", "gone"
]

OUTPUT_TIMEOUT = 0.5

START_TIMEOUT = 10.0
"""Seconds for a child that was given a job to call the entrypoint. It takes milliseconds, and none
of the app's own code; the heartbeat may be off, and says nothing of a job that was forgotten."""

HEARS = ("prewarming", "idle", "reserved", "running", "stopping")
"""States of a child that has been told its settings, and hears of changes."""

ADOPTED = -1
"""The generation of children that another daemon's template has made."""


class ChildSpec(Struct, frozen=True, kw_only=True):
    """How a child is started, watched and stopped."""

    config: ChildConfig
    initialize_timeout: float
    exit_timeout: float
    """Seconds to exit once asked and idle, or once its job is over."""
    job_shutdown_timeout: float
    """Seconds for a running job's whole shutdown sequence."""
    patience: Patience = Patience(warn_after=1.0, replace_after=15.0)
    memory: MemoryLimits = MemoryLimits(warn_mb=500, limit_mb=0)


class ChildObserver(Protocol):
    """Hears of a child's turns in life."""

    def child_changed(self, child: Child) -> None: ...

    def child_answered(self, child: Child, seq: int) -> None:
        """The pong to a ping has come."""
        ...

    def child_told(self, child: Child, frame: CircuitReport | Counted) -> None:
        """It has said something of the services that it calls."""
        ...


class Child:
    """One child process. `run` once; everything else while it runs."""

    def __init__(
        self,
        child_id: ChildId,
        slot: SlotId,
        spec: ChildSpec,
        observer: ChildObserver,
        sink: RecordSink,
    ) -> None:
        self.id = child_id
        self.slot = slot
        self.state: ChildState = "starting"
        self.generation = 0
        self._spec = spec
        self._observer = observer
        self._sink = sink
        self._link = ChildLink()
        self._job = WatchedJob()
        self._stacks = StackTaker()
        self.started_at = now()
        self.recorder = FlightRecorder(self.started_at)
        self._end = _End()

    @property
    def pid(self) -> int | None:
        return self._link.pid

    @property
    def job_id(self) -> JobId | None:
        """Of the job that it has, had or was promised."""
        return self._job.id

    @property
    def has_job(self) -> bool:
        """Whether it is here with a job whose end it has not reported."""
        return self._job.unfinished and self._link.stream is not None

    @property
    def usage(self) -> Usage | None:
        """What it had used in all; known after its death, and only if it was our own child."""
        return self._link.process.usage if self._link.process is not None else None

    @property
    def failure(self) -> str:
        """What went wrong before it was ready; empty if nothing did."""
        return self._end.failure

    # -- its life ------------------------------------------------------------------

    async def run(self, launcher: Launcher, reaper: Reaper) -> ExitReason:
        """Live through the whole life of the process and say why it ended."""
        return await self._live(lambda output: self._boot(launcher, reaper, output))

    def take_process(self, process: OsProcess) -> None:
        """This process, which another daemon has made, is the child."""
        self.generation = ADOPTED
        self._end.ready = True
        self._link.watch(process)

    async def run_adopted(self) -> ExitReason:
        """Take over the process with its job, and live through the rest of its life."""
        return await self._live(self._take_over)

    def handle_hello(self, hello: Hello, peer: Peer, stream: ChildStream) -> None:
        """The process has connected."""
        self._link.handle_hello(hello, peer, stream)

    async def _live(self, begin: Callable[[OutputReader], Awaitable[None]]) -> ExitReason:
        try:
            output = OutputReader(self._print)
        except OSError as error:
            reason = self._bury(WaitStatus(), f"it got no pipe: {error.strerror}")
            self._move("gone")
            return reason
        try:
            await begin(output)
            if self._end.ready:
                await self._serve()
            status = await self._link.wait_for_death(self.id, self._spec.exit_timeout, self.kill)
            reason = self._bury(status)  # before its last words: its job waits to go on
        finally:
            self._link.close()
            await output.finish(OUTPUT_TIMEOUT)
        self._move("gone")
        return reason

    def _bury(self, status: WaitStatus, failure: str = "") -> ExitReason:
        reason = judge_exit(
            status,
            ready=self._end.ready,
            asked_to_stop=self._end.asked,
            job_ended=self._job.ended,
            killed_because=self._end.killed_because,
            failure=failure or self._end.failure,
        )
        self._job.lose(f"the job's process {reason.text}", asked=self._end.asked)
        return reason

    async def _boot(self, launcher: Launcher, reaper: Reaper, output: OutputReader) -> None:
        """Bring it to ready; where that fails, `failure` or its exit status says why."""
        try:
            await within(
                now() + self._spec.initialize_timeout, self._reach_ready(launcher, reaper, output)
            )
            self._end.ready = True
            observe(CHILD_START, now() - self.started_at)
            self._move("idle")
        except ChannelError:
            return  # dead, or about to be: the process itself has the last word
        except TimeoutError:
            self._fail(f"was not ready within {self._spec.initialize_timeout:g} s")
        except (AgentdError, OSError) as error:
            self._fail(str(error))

    async def _reach_ready(self, launcher: Launcher, reaper: Reaper, output: OutputReader) -> None:
        await launch(self._link, partial(launcher.launch, self.id), reaper, output)
        if self._end.killed_because:  # while it had no pid yet, though it may have said hello
            raise ChildError(self._end.killed_because)
        await self._link.greet()
        self.recorder.note_frame("in", "Hello", now())
        self._move("prewarming")
        await initialize(self._link, self._spec.config, self._note, self.fields)
        self.recorder.note_frame("in", "Ready", now())

    async def _take_over(self, output: OutputReader) -> None:
        """Wait for it to come back; one that does not is killed, its job goes on elsewhere."""
        try:
            hello = await adopt(self._link, output)
        except ChannelError:
            return  # it is dead
        except TimeoutError:
            self.kill(f"it did not come back within {ADOPT_TIMEOUT:g} s of the daemon's start")
            return
        except AgentdError as error:
            self.kill(str(error))
            return
        self._move("running")
        if self._end.asked:
            self._send(Shutdown(reason="the daemon is stopping"))
        elif not hello.started:
            self._expect_start()
        self._job.note_adopted(started=hello.started)

    async def _serve(self) -> None:
        if self._link.stream is None:
            return
        try:
            while True:
                self._handle(await self._link.stream.receive())
        except ChannelError:
            return  # dead, or about to be: the process itself has the last word
        except ProtocolError as error:
            self.kill(f"it sent a bad frame: {error}")
        except Exception as error:
            # A fault of ours, in what a frame has set off elsewhere. It may cost this child,
            # but neither its seat nor the word that its job has ended.
            logger.exception(
                "a child's frame could not be handled",
                extra={"action": "frame_failed", **self.fields()},
            )
            self.kill(f"its frame could not be handled: {error}")

    def _fail(self, why: str) -> None:
        self._end.failure = self._end.failure or why
        self._link.kill()

    # -- frames --------------------------------------------------------------------

    def _handle(self, frame: FromChild) -> None:  # noqa: PLR0912 - a table: one case a frame
        self.recorder.note_frame("in", type(frame).__name__, now())
        match frame:
            case Log() | LogsDropped():
                self._note(frame)
            case Answer(job_id=job_id, answer=answer):
                self._job.note_answer(job_id, answer)
            case JobStarted():
                self._handle_job_started(frame)
            case JobClosing(outcome=outcome):
                self._job.watcher_of(frame).job_closing(outcome)
                self._send(ClosingNoted())
            case JobEnded():
                self._handle_job_ended(frame)
            case Snapshot(version=version, data=data):
                self._job.watcher_of(frame).job_snapshot(version, data)
            case JobBack():
                self._job.watcher_of(frame).job_back()
            case HandedOver():
                self._handle_handed_over(frame)
            case CircuitReport():
                self._observer.child_told(self, frame)
            case Counted():
                self._job.note_measured(frame)
                self._observer.child_told(self, frame)
            case Pong(seq=seq):
                self._observer.child_answered(self, seq)
            case Hello() | Ready() | InitFailed():
                raise ProtocolError(f"a {type(frame).__name__} frame after ready")
            case _:
                assert_never(frame)

    def _note(self, frame: Log | LogsDropped) -> None:
        if isinstance(frame, Log):
            self.recorder.note_line(f"{logging.getLevelName(frame.level)} {frame.message}")
            self._sink.record(frame, self._origin())
            return
        count(LOGS_DROPPED, frame.count, by="child")
        logger.warning(
            "log records of a child were dropped",
            extra={"action": "logs_dropped", "count": frame.count, **self.fields()},
        )

    def _handle_job_started(self, frame: JobStarted) -> None:
        if not self._end.asked:  # what runs otherwise is the time of its shutdown
            self._end.disarm()
        self._job.note_started(frame)

    def _handle_job_ended(self, frame: JobEnded) -> None:
        self._job.watcher_of(frame)
        self._move("stopping")
        self._kill_after(self._spec.exit_timeout, "it did not exit after its job")
        self._job.end(frame.outcome)

    def _handle_handed_over(self, frame: HandedOver) -> None:
        watcher = self._job.watcher_of(frame)
        if frame.refusal:
            watcher.job_kept(frame.refusal)
            return
        if self._end.asked:  # the two orders have crossed: the job is to end, not to go on
            return
        self._job.let_go()
        self._move("stopping")
        self._kill_after(self._spec.exit_timeout, "it did not exit after its job was handed over")
        watcher.job_handed_over()

    # -- what others ask of it -------------------------------------------------------

    def reserve(self, job_id: JobId) -> None:
        """Promise it to a job."""
        self._job.id = job_id
        self._move("reserved")

    def release(self, reason: str) -> None:
        """The job it was promised to does not come."""
        if self.state != "reserved":
            return
        self._job.id = None
        self._send(Withdraw(reason=reason))
        self._move("idle")

    async def ask(self, offer: JobOffer, deadline_at: float) -> JobAnswer:
        """What the app's `on_request` says; raises ChildError or TimeoutError."""
        answer = self._job.expect_answer()
        self._send(Offer(offer=offer))
        return await within(deadline_at, answer)

    def start_job(
        self, assignment: JobAssignment, watcher: JobWatcher, resume: Resume | None = None
    ) -> None:
        """Run the job that it was reserved for, or go on with it where another child died."""
        self._job.give(assignment.room, watcher)
        self._move("running")
        self._send(StartJob(assignment=assignment, resume=resume))
        self._expect_start()

    def hold_job(self, job_id: JobId, room: str, watcher: JobWatcher) -> None:
        """It has this job from the daemon before; it has yet to come back with it."""
        self._job.id = job_id
        self._job.give(room, watcher)
        self._move("adopting")

    def hand_over(self, reason: str) -> None:
        """Ask it to let go of its job; the watcher hears what came of it, perhaps nothing."""
        self._send(HandOver(reason=reason))

    def take_job(self, why: str) -> None:
        """Take its job away and end it at once: the job goes on from its last snapshot."""
        self._job.let_go()
        self._move("stopping")
        self.kill(why)

    def shutdown(self, reason: str) -> None:
        """Ask it to end in an orderly way, by force once its budget is spent. May be repeated."""
        if self.state in ("stopping", "gone"):
            return
        running = self.state in ("running", "adopting")
        budget = self._spec.job_shutdown_timeout if running else self._spec.exit_timeout
        self._end.asked = True
        self._move("stopping")
        if self._link.stream is None and not running:
            self.kill(reason)
        else:
            self._send(Shutdown(reason=reason))
            self._kill_after(budget, f"its shutdown took longer than {budget:g} s")

    def kill(self, why: str) -> None:
        """End it at once; the reason is kept for the report."""
        self._end.killed_because = self._end.killed_because or why
        if not self._link.kill():
            self._link.give_up(why)

    def send_ping(self, seq: int) -> None:
        """Ask whether its event loop runs; the observer hears the answer."""
        self._send(Ping(seq=seq))

    def set_log_level(self, level: str) -> bool:
        """Have it write this much from now on; says whether it could be told already."""
        config = replace(self._spec.config, log_level=level)
        self._spec = replace(self._spec, config=config)
        if self.state not in HEARS or self._link.stream is None:
            return False
        self._send(SetLogLevel(level=level))
        return True

    def tell_circuit(self, news: CircuitNews) -> None:
        """What others have learnt of a service."""
        self._send(news)

    async def take_stacks(self) -> Stacks:
        """Where its threads and tasks are; works for one that is blocked."""
        if self._link.process is None:
            return Stacks(text="", note="no stacks, it has no process yet")
        return await self._stacks.take(self._link.process)

    def fields(self) -> dict[str, LogValue]:
        """Whose a log line of ours is. (`pid` is the process that a line comes from.)"""
        fields: dict[str, LogValue] = {"child": self.id, "child_pid": self.pid}
        if self._job.id is not None:
            fields["job"] = self._job.id
        if self._job.room:
            fields["room"] = self._job.room
        return fields

    def _origin(self) -> dict[str, LogValue]:
        """Whose a line of its own is."""
        fields = self.fields()
        fields["pid"] = fields.pop("child_pid")
        return fields

    def deceased(self) -> Deceased:
        """Who it was, for the report of its end."""
        job_id, room = self._job.id or "", self._job.room
        return Deceased(child=self.id, slot=self.slot, pid=self.pid, job=job_id, room=room)

    # -- inside --------------------------------------------------------------------

    def _send(self, frame: ToChild) -> None:
        self.recorder.note_frame("out", type(frame).__name__, now())
        self._link.send(frame)

    def _expect_start(self) -> None:
        why = f"it did not call the entrypoint within {START_TIMEOUT:g} s of being given the job"
        self._kill_after(START_TIMEOUT, why)

    def _kill_after(self, seconds: float, why: str) -> None:
        self._end.disarm()
        self._end.timer = asyncio.get_running_loop().call_later(seconds, self.kill, why)

    def _move(self, state: ChildState) -> None:
        if state == "gone":
            self._end.disarm()
        elif self.state == "stopping":
            return  # on its way out nothing brings it back
        self.state = state
        self._observer.child_changed(self)

    def _print(self, text: str) -> None:
        if self._stacks.handle_line(text):
            return
        self.recorder.note_line(text)
        self._sink.line(text, self._origin())


class _End:
    """What is known of the end before it has come."""

    def __init__(self) -> None:
        self.ready = False
        self.asked = False
        self.failure = ""
        self.killed_because = ""
        self.timer: asyncio.TimerHandle | None = None

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
