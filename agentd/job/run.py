"""Runs one job from its assignment to its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wall_time
from agentd.app.options import EntrypointFnc
from agentd.app.server import AgentServer
from agentd.app.usererror import error_fields, one_line
from agentd.errors import NoEntrypoint
from agentd.masking import masked
from agentd.protocol.frames import ChildConfig
from agentd.protocol.job import JobAssignment, JobOutcome, Resume
from agentd.tracing import JobTrace, span, trace_job
from agentd.voice.host import hosting

from .context import JobContext
from .current import current_job
from .departure import Departure
from .ending import CANCEL_GRACE, Steps, finish, traced, with_reason
from .listener import JobListener
from .logfields import fields_from
from .parts import JobParts, make_parts
from .process import JobProcess
from .session_host import JobSessionHost
from .shutdown import ShutdownRequest

__all__ = ["ShutdownRequest", "run_job"]

logger = logging.getLogger("agentd.job")

CONNECT_GRACE = 10.0
"""Seconds that an entrypoint has to connect before we say that it has not; and, once it has
returned without, before the job ends: otherwise nothing would ever end it."""

REPORT_TIMEOUT = 1.0
"""Seconds that leaving the room waits for the supervisor to have heard the outcome."""

MAX_ERROR = 4096
"""Characters of an error that are reported; the log has it whole."""

CRASHED = "job crashed"
NEVER_CONNECTED = "the entrypoint returned without connecting to the room"


async def run_job(  # noqa: PLR0913 - who calls it has made all of these
    app: AgentServer,
    assignment: JobAssignment,
    process: JobProcess,
    config: ChildConfig,
    *,
    shutdown: ShutdownRequest,
    listener: JobListener,
    resume: Resume | None = None,
    departure: Departure | None = None,
) -> JobOutcome:
    """Run a job until it has ended and cleaned up; says how it went, whatever the app raises.

    The listener hears of the start just before the entrypoint is called, and of the outcome
    just before the agent leaves the room; leaving waits for it a second at most. The job
    ends on `shutdown`, which the context asks for too. `resume` is given where another
    process has begun the job; by `departure` it can leave this one for another. Code that does
    not heed being cancelled may still run when this returns: the process has to exit without
    waiting for it. Raises NoEntrypoint.
    """
    if app.entrypoint_fnc is None:
        raise NoEntrypoint
    taken_at = wall_time()
    parts = make_parts(assignment, process, config, shutdown, listener, resume, departure)
    traced_job = _trace_of(parts, resume, taken_at)

    def clear_up() -> None:
        _remove_directory(parts)
        traced_job.leave()

    parts.departure.open(parts.snapshots, shutdown, clear_up)
    context = JobContext(parts)
    with (
        trace_job(traced_job),
        current_job(context),
        hosting(JobSessionHost(context, parts)),
        fields_from(lambda: context.log_context_fields),
    ):
        run = _JobRun(parts, context)
        try:
            listener.started()
            entrypoint = run.start(app.entrypoint_fnc)
            await shutdown.wait()
            logger.info(
                "the job is ending",
                extra={
                    "action": "job_ending",
                    "job_id": assignment.job_id,
                    "reason": shutdown.reason,
                },
            )
            await _finish_entrypoint(entrypoint, parts, budget=config.entrypoint_timeout)
            outcome = run.outcome()
            with span("job_shutdown", {"lk.shutdown.reason": shutdown.reason}):
                await _end(app, context, parts, config, lambda: listener.closing(outcome))
        finally:
            run.cancel()
            parts.snapshots.close()
            _remove_directory(parts)
            traced_job.end(run.outcome())
    return run.outcome()


def _trace_of(parts: JobParts, resume: Resume | None, taken_at: float) -> JobTrace:
    job = parts.job
    return JobTrace(
        parts.assignment,
        resume,
        taken_at=taken_at,
        attributes={
            "lk.agent_name": job.agent_name,
            "lk.dispatch_id": job.dispatch_id,
            "lk.job.worker_id": parts.assignment.worker_id,
            "lk.pii.room_name": parts.assignment.room,
            "lk.room_sid": job.room.sid,
        },
        had_session=bool(parts.session),
    )


class _JobRun:
    """The entrypoint's task, what became of it, and the eye on whether it connects."""

    def __init__(self, parts: JobParts, context: JobContext) -> None:
        self._parts = parts
        self._context = context
        self._tasks = TaskOwner(f"job {parts.assignment.job_id}")
        self._running: list[asyncio.Task[Any]] = []
        self._error = ""

    def start(self, entrypoint: EntrypointFnc) -> asyncio.Task[None]:
        task = self._tasks.start(self._call(entrypoint), name="entrypoint")
        self._running = [task]
        if not self._parts.assignment.fake:
            self._running.append(
                self._tasks.start(self._watch_connection(task), name="connection watch")
            )
        return task

    def cancel(self) -> None:
        for task in self._running:
            task.cancel()

    def outcome(self) -> JobOutcome:
        return JobOutcome(
            outcome="failed" if self._error else "completed",
            error=self._error,
            reason=masked(self._parts.shutdown.reason),
        )

    async def _call(self, entrypoint: EntrypointFnc) -> None:
        try:
            await entrypoint(self._context)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # the entrypoint awaited something of its own that was cancelled
            self._crashed(error)
        except SystemExit as error:
            self._exited(error)
        except Exception as error:  # noqa: BLE001 - the user's code
            self._crashed(error)

    def _exited(self, error: SystemExit) -> None:
        if error.code in (None, 0):
            self._parts.shutdown.request("the entrypoint called sys.exit()", user_initiated=True)
        else:
            self._crashed(error)

    def _crashed(self, error: BaseException) -> None:
        self._error = one_line(error)[:MAX_ERROR]
        logger.error(
            "the entrypoint raised; the job ends as failed",
            extra={
                "action": "entrypoint_failed",
                "job_id": self._parts.assignment.job_id,
                **error_fields(error),
            },
        )
        self._parts.shutdown.request(CRASHED)

    async def _watch_connection(self, entrypoint: asyncio.Task[None]) -> None:
        await asyncio.wait({entrypoint}, timeout=CONNECT_GRACE)
        if not entrypoint.done():
            self._warn_if_adrift(f"the entrypoint has not connected within {CONNECT_GRACE:.0f} s")
            await asyncio.wait({entrypoint})
        if self._warn_if_adrift(NEVER_CONNECTED):
            await asyncio.sleep(CONNECT_GRACE)  # a task of the entrypoint's may yet connect
        if self._is_adrift():
            self._error = NEVER_CONNECTED
            self._parts.shutdown.request(NEVER_CONNECTED)

    def _warn_if_adrift(self, what: str) -> bool:
        adrift = self._is_adrift()
        if adrift:
            logger.warning(
                "the job is not in its room: call ctx.connect(), or ctx.shutdown() to end it",
                extra={
                    "action": "not_connected",
                    "job_id": self._parts.assignment.job_id,
                    "what": what,
                },
            )
        return adrift

    def _is_adrift(self) -> bool:
        return not self._parts.room.isconnected() and not self._parts.shutdown.requested


async def _end(
    app: AgentServer,
    context: JobContext,
    parts: JobParts,
    config: ChildConfig,
    tell_outcome: Callable[[], Awaitable[None]],
) -> None:
    """The steps of a job's end once its entrypoint is over, in order."""
    reason = parts.shutdown.reason
    steps = Steps(parts.assignment.job_id)
    await steps.run_all("session close", parts.at_end.closers, budget=config.session_close_timeout)
    on_session_end = app.session_end_fnc
    if on_session_end is not None:
        await steps.run(
            "on_session_end",
            lambda: on_session_end(context),
            budget=config.session_end_timeout,
        )
    await steps.run("report", tell_outcome, budget=REPORT_TIMEOUT)
    await steps.run("room disconnect", parts.joiner.leave, budget=config.disconnect_timeout)
    await steps.run("participant entrypoints", parts.participant_tasks.aclose, budget=CANCEL_GRACE)
    await steps.run_all(
        "shutdown callback",
        [traced(with_reason(callback, reason)) for callback in parts.at_end.callbacks],
        budget=config.callback_timeout,
    )
    closers = [parts.calls.aclose, parts.http.aclose]
    await steps.run_all("clients", closers, budget=config.callback_timeout)


async def _finish_entrypoint(
    entrypoint: asyncio.Task[None], parts: JobParts, *, budget: float
) -> None:
    if await finish(entrypoint, budget):
        return
    logger.warning(
        "the entrypoint did not return in time after shutdown and was cancelled",
        extra={
            "action": "entrypoint_cancelled",
            "job_id": parts.assignment.job_id,
            "budget": budget,
            "still_running": not entrypoint.done(),
        },
    )


def _remove_directory(parts: JobParts) -> None:
    try:
        parts.directory.remove()
    except OSError as error:
        logger.warning(
            "the job's directory could not be removed and stays behind",
            extra={
                "action": "session_directory_left",
                "directory": str(parts.directory.path),
                "error": str(error),
            },
        )
