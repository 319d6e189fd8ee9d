"""The supervisor's one connection to LiveKit: register, hear offers, report, and come back.

The link decides nothing about jobs: it calls a `LinkHandler` and sends what it is told.
Jobs do not depend on it; while it is away they run on, and how they ended is said on the
next connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Literal, NoReturn, Protocol

import msgspec
from msgspec import Struct

from agentd.aio.timing import now
from agentd.errors import (
    AgentdError,
    ChannelBroken,
    LiveKitRefused,
    LiveKitUnreachable,
    ProtocolError,
)
from agentd.figures import count
from agentd.figures.families import LINK_FAILURES, LINK_REGISTRATIONS
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobOffer
from agentd.settings.model import LiveKitSettings
from agentd.supervision.backoff import Backoff

from .connection import Connection, LinkTimings, check_settings, open_connection, shown_url
from .load import WorkerReport
from .messages import (
    Assigned,
    JobStatus,
    Leaving,
    Offered,
    Registered,
    ServerEvent,
    Terminated,
    job_report,
    migrate_request,
    offer_answer,
    register_request,
    worker_report,
)
from .outbox import Kind, Outbox
from .session import Session

logger = logging.getLogger("agentd.dispatch")

BACKOFF_BASE = 0.5
"""Seconds; the first pause is drawn from 0 to this."""

SETTLE_TIME = 1.0
"""Seconds after an assignment in which the end of a job may be lost, and is said again after them:
livekit-server 1.11 sends the assignment, and writes down only then that the job runs (AssignJob in
pkg/agent/worker.go). What it hears in between it drops, and takes a crashed job for a success. What
it has heard already it drops as well."""

Phase = Literal["connecting", "registered", "refused", "unreachable", "closed"]

Dial = Callable[[LiveKitSettings, LinkTimings], AbstractAsyncContextManager[Connection]]


class LinkHandler(Protocol):
    """Who decides. Every method returns at once, and is called on the event loop."""

    def handle_registered(self, worker_id: str) -> None:
        """We are a worker; offers may come."""

    def handle_disconnected(self) -> None:
        """The registration is gone; offers that were pending are void."""

    def handle_offer(self, offer: JobOffer) -> None:
        """LiveKit asks; answer with `Link.send_answer` within 2.8 s."""

    def handle_assignment(self, job_id: JobId, job: bytes, room: str, url: str, token: str) -> None:
        """The job is ours; `url` is where its room is."""

    def handle_termination(self, job_id: JobId) -> None:
        """The job must end. May name one that is over, or was never ours."""


class LinkState(Struct, frozen=True, kw_only=True):
    """The link at one moment."""

    phase: Phase
    """connecting: not registered, and trying; unreachable: it gave up."""
    worker_id: str = ""
    """Empty unless registered."""
    error: str = ""
    """Why the last attempt or connection failed, in one line; empty once registered."""
    attempts: int = 0
    """Attempts since the last registration, the running one included."""
    since_at: float = 0.0
    """When the phase began, on the loop's clock."""
    dropped: int = 0
    """Messages lost because too many waited to be sent."""


def _no_jobs() -> Iterable[JobId]:
    return ()


class Link:
    """Keeps this worker registered. Nothing happens before `run`; use it on one event loop."""

    def __init__(
        self,
        settings: LiveKitSettings,
        app: AppInfo,
        handler: LinkHandler,
        *,
        running_jobs: Callable[[], Iterable[JobId]] = _no_jobs,
        timings: LinkTimings | None = None,
        backoff: Backoff | None = None,
        dial: Dial = open_connection,
    ) -> None:
        """Raises SettingsError when the settings can't work with any server."""
        check_settings(settings)
        self._settings = settings
        self._handler = handler
        self._running_jobs = running_jobs
        self._timings = timings or LinkTimings()
        self._backoff = backoff or Backoff(base=BACKOFF_BASE, cap=settings.retry_max_delay)
        self._dial = dial
        # A name in the settings (flag, LIVEKIT_AGENT_NAME, agentd.toml) goes over the app's own.
        self._agent_name = settings.agent_name or app.agent_name
        self._request = register_request(
            app, agent_name=self._agent_name, deployment=settings.deployment
        )
        self._outbox = Outbox()
        self._fresh: dict[JobId, float] = {}
        """When jobs were assigned, as far as that is less than SETTLE_TIME ago."""
        self._report: WorkerReport | None = None
        self._state = LinkState(phase="connecting")
        self._was_registered = False
        self._scope: asyncio.Timeout | None = None
        self._closing = False
        self._ended = asyncio.Event()

    # -- life ----------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, register, serve and reconnect until `aclose`; again after a fault of ours.

        Raises LiveKitRefused when the server turns this worker away before it was ever
        registered, and LiveKitUnreachable after `max_retry` attempts before that; later it
        tries for ever, since jobs may be running. Being cancelled closes the connection.
        """
        self._ended.clear()
        try:
            # The standard library's only cancel scope is a timeout: without a deadline until
            # `aclose` sets one. Unlike cancelling the task, it ends this and not our caller.
            async with asyncio.timeout(None) as self._scope:
                if not self._closing:
                    await self._keep_registered()
        except TimeoutError:
            if not self._scope or not self._scope.expired():
                raise
        finally:
            if self._state.phase in ("connecting", "registered"):
                self._enter("closed")
            self._ended.set()

    async def aclose(self) -> None:
        """Send what waits, close the connection and wait for `run` to return.

        May be repeated, and may come before `run`, which then returns at once. Takes
        `flush_timeout` and `close_timeout` at most.
        """
        already_closing, self._closing = self._closing, True
        if self._scope is None or self._ended.is_set():
            return
        if not already_closing:
            await self._flush()
            if not self._ended.is_set():
                self._scope.reschedule(now())
        await self._ended.wait()

    async def _flush(self) -> None:
        if self.connected:
            try:
                async with asyncio.timeout(self._timings.flush_timeout):
                    await self._outbox.wait_empty()
            except TimeoutError:
                logger.warning(
                    "messages to LiveKit were not sent in time",
                    extra={"action": "link_flush_timeout", "waiting": len(self._outbox)},
                )

    async def _keep_registered(self) -> NoReturn:
        while True:
            failure = await self._attempt()
            delay = self._backoff.next_delay()
            logger.warning(
                "no connection to LiveKit; trying again",
                extra={
                    "action": "link_retry",
                    "url": shown_url(self._settings.url),
                    "error": str(failure),
                    "attempt": self._state.attempts,
                    "retry_in": round(delay, 2),
                },
            )
            await asyncio.sleep(delay)

    async def _attempt(self) -> AgentdError:
        """One connection, from dialling to its end: why it ended. Raises what is final."""
        self._enter("connecting", attempts=self._state.attempts + 1, error=self._state.error)
        try:
            async with self._dial(self._settings, self._timings) as connection:
                failure = await self._serve(connection)
        except (LiveKitRefused, LiveKitUnreachable, ChannelBroken, ProtocolError) as error:
            count(LINK_FAILURES, kind="attempt")
            failure = error
        self._enter("connecting", attempts=self._state.attempts, error=str(failure))
        self._raise_if_final(failure)
        return failure

    def _raise_if_final(self, failure: AgentdError) -> None:
        if self._was_registered:
            return
        if isinstance(failure, LiveKitRefused):
            self._enter("refused", attempts=self._state.attempts, error=str(failure))
            raise failure
        if self._state.attempts >= self._settings.max_retry:
            self._enter("unreachable", attempts=self._state.attempts, error=str(failure))
            raise LiveKitUnreachable(
                f"gave up after {self._state.attempts} attempts: {failure}; "
                "start the server, or check LIVEKIT_URL"
            ) from failure

    # -- one connection --------------------------------------------------------------

    async def _serve(self, connection: Connection) -> AgentdError:
        session = Session(connection, self._outbox, self._timings)
        registered = await session.register(self._request)
        registered_at = now()
        self._begin(registered)
        try:
            lost = await session.serve(self._opening(), self._handle)
        finally:
            self._end(registered_at)
        count(LINK_FAILURES, kind="lost")
        logger.warning(
            "connection to LiveKit lost",
            extra={
                "action": "link_lost",
                "worker_id": registered.worker_id,
                "error": str(lost),
                "seconds": round(now() - registered_at, 1),
            },
        )
        return lost

    def _begin(self, registered: Registered) -> None:
        self._was_registered = True
        count(LINK_REGISTRATIONS)
        self._enter("registered", worker_id=registered.worker_id)
        logger.info(
            "registered with LiveKit",
            extra={
                "action": "link_registered",
                "worker_id": registered.worker_id,
                "agent_name": self._agent_name,
                "url": shown_url(self._settings.url),
                "region": registered.region,
                "server_version": registered.version,
                "protocol": registered.protocol,
                "node_id": registered.node_id,
            },
        )
        self._handler.handle_registered(registered.worker_id)

    def _opening(self) -> list[bytes]:
        jobs = list(self._running_jobs())
        opening = [migrate_request(jobs)] if jobs else []
        if self._report is not None:
            opening.append(worker_report(self._report))
        return opening

    def _end(self, registered_at: float) -> None:
        if now() - registered_at >= self._settings.stable_after:
            self._backoff.reset()
        self._enter("connecting")
        self._outbox.keep_only(Kind.JOB_ENDED)
        self._handler.handle_disconnected()

    def _note_assigned(self, job_id: JobId) -> None:
        at = now()
        self._fresh = {job: then for job, then in self._fresh.items() if at - then < SETTLE_TIME}
        self._fresh[job_id] = at

    def _handle(self, event: ServerEvent) -> None:
        match event:
            case Offered(offer=offer):
                self._handler.handle_offer(offer)
            case Assigned(job_id=job_id, job=job, room=room, token=token):
                self._note_assigned(job_id)
                url = event.url or self._settings.url
                self._handler.handle_assignment(job_id, job, room, url, token)
            case Terminated(job_id=job_id):
                self._handler.handle_termination(job_id)
            case Leaving(reason=reason):
                # The server closes when it is ready to; until then jobs may still come.
                logger.info(
                    "LiveKit is about to close the connection",
                    extra={"action": "link_leaving", "reason": reason},
                )
            case Registered(worker_id=worker_id):
                logger.warning(
                    "LiveKit registered us a second time; ignored",
                    extra={"action": "link_registered_twice", "worker_id": worker_id},
                )

    # -- what others say -------------------------------------------------------------

    def send_answer(self, job_id: JobId, answer: JobAnswer) -> bool:
        """Answer an offer; False when there is no connection, so that the offer is void."""
        if not self.connected:
            return False
        data = offer_answer(job_id, answer, agent_name=self._agent_name)
        self._outbox.put(Kind.ANSWER, data)
        return True

    def report_job(self, job_id: JobId, status: JobStatus, error: str = "") -> None:
        """Tell LiveKit how a job does. That one has ended is kept until there is a connection,
        and said twice where the server may not know the job yet (see SETTLE_TIME)."""
        data = job_report(job_id, status, error)
        if status == "running":
            if self.connected:
                self._outbox.put(Kind.JOB_RUNNING, data)
            return
        self._outbox.put(Kind.JOB_ENDED, data)
        again_in = self._fresh.pop(job_id, -SETTLE_TIME) + SETTLE_TIME - now()
        if again_in > 0:
            self._outbox.put(Kind.JOB_ENDED, data, delay=again_in)

    def report_worker(self, report: WorkerReport) -> None:
        """Tell LiveKit how full we are: now if it changed, and on each new connection."""
        if report == self._report:
            return
        self._report = report
        if self.connected:
            self._outbox.put(Kind.WORKER_REPORT, worker_report(report))

    @property
    def connected(self) -> bool:
        """Whether we are registered now."""
        return self._state.phase == "registered"

    def state(self) -> LinkState:
        """The link as it is now."""
        return msgspec.structs.replace(self._state, dropped=self._outbox.dropped)

    def _enter(
        self, phase: Phase, *, worker_id: str = "", attempts: int = 0, error: str = ""
    ) -> None:
        since_at = self._state.since_at if phase == self._state.phase else now()
        self._state = LinkState(
            phase=phase, worker_id=worker_id, attempts=attempts, error=error, since_at=since_at
        )
