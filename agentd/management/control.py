"""The control API: what the daemon does, and what it can be told to do.

Handlers only, one for each of `routes.ROUTES` by its name; they get what was checked already.
Who may ask is decided by whoever serves them (`control_server` for the Unix socket, `server` for
the HTTP port).
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from agentd.aio.timing import now, wait_event, within
from agentd.errors import ControlRefused
from agentd.journal.records import Query
from agentd.protocol.ids import JobId
from agentd.supervision.view import TreeView

from .answers import as_json
from .controls import Controls
from .operations import (
    ConfigView,
    DispatchRequest,
    DispatchView,
    LogLevelRequest,
    LogLevelView,
    ResumeRequest,
    SimulateRequest,
    SimulationView,
    StacksRequest,
    StacksView,
    UndrainRequest,
)
from .routes import STREAM
from .views import (
    Accepted,
    ChildList,
    DrainRequest,
    DrainView,
    EventPage,
    JobDetails,
    JobPage,
    JobsQuery,
    PostMortemPage,
    RecordsQuery,
    ReloadRequest,
    StatusView,
    StopRequest,
    is_line,
)

logger = logging.getLogger("agentd.management")

MAX_WATCHERS = 16
"""Streams at the same time."""

WATCH_INTERVAL = 1.0
"""Seconds after which a stream repeats itself: time passes too, and a dead client shows."""

WRITE_TIMEOUT = 5.0
"""Seconds that a stream waits for a client that does not read, before it is dropped."""


class ControlApi:
    """The handlers of the control API, on a `Controls`; `mounting.mount` serves them."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._watchers: set[asyncio.Event] = set()
        self._closing = False

    # -- looking -----------------------------------------------------------------------

    async def get_status(self) -> StatusView:
        return self._controls.status()

    async def get_tree(self) -> TreeView:
        return self._controls.tree()

    async def get_jobs(self, *, query: JobsQuery) -> JobPage:
        before = _one_line("before", query.before)
        return await self._controls.jobs(query.limit, JobId(before) if before else None)

    async def get_job(self, *, job_id: str) -> JobDetails:
        found = await self._controls.job(JobId(job_id))
        if found is None:
            raise ControlRefused(f"the journal knows no job '{job_id}'", code="not_found")
        return found

    async def get_children(self) -> ChildList:
        return self._controls.children()

    async def get_events(self, *, query: RecordsQuery) -> EventPage:
        return await self._controls.events(_records(query))

    async def get_post_mortems(self, *, query: RecordsQuery) -> PostMortemPage:
        return await self._controls.post_mortems(_records(query))

    async def get_config(self) -> ConfigView:
        return self._controls.config()

    # -- steering ----------------------------------------------------------------------

    async def drain(self, *, body: DrainRequest) -> Accepted:
        self._controls.drain(_one_line("reason", body.reason) or "asked to drain")
        _log_taken("drain", body.reason)
        return Accepted(accepted="drain")

    async def undrain(self, *, body: UndrainRequest) -> Accepted:
        self._controls.undrain(_one_line("reason", body.reason) or "asked to serve on")
        _log_taken("undrain", body.reason)
        return Accepted(accepted="undrain")

    async def reload(self, *, body: ReloadRequest) -> Accepted:
        self._controls.reload(swap=body.swap)
        _log_taken("reload")
        return Accepted(accepted="reload")

    async def stop_job(self, *, job_id: str, body: StopRequest) -> Accepted:
        reason = _one_line("reason", body.reason) or "stopped by the operator"
        if not self._controls.stop_job(JobId(job_id), reason):
            raise ControlRefused(f"no job '{job_id}' runs here", code="not_found")
        _log_taken("stop", body.reason, job=job_id)
        return Accepted(accepted="stop")

    async def resume_job(self, *, job_id: str, body: ResumeRequest) -> Accepted:
        reason = _one_line("reason", body.reason) or "moved by the operator"
        self._controls.resume_job(JobId(job_id), reason)
        _log_taken("resume", body.reason, job=job_id)
        return Accepted(accepted="resume")

    async def dispatch(self, *, body: DispatchRequest) -> DispatchView:
        _one_line("room", body.room)
        _one_line("agent_name", body.agent_name or "")
        made = await self._controls.dispatch(body)
        _log_taken("dispatch", room=made.room, agent=made.agent_name, dispatch=made.id)
        return made

    async def simulate(self, *, body: SimulateRequest) -> SimulationView:
        _one_line("room", body.room)
        made = self._controls.simulate(body)
        _log_taken("simulate", job=made.job, room=made.room)
        return made

    async def set_log_level(self, *, body: LogLevelRequest) -> LogLevelView:
        _log_taken("log_level", level_asked=body.level)
        return self._controls.set_log_level(body.level)

    async def take_stacks(self, *, body: StacksRequest) -> StacksView:
        _log_taken("stacks", job=body.job, child=body.child)
        return await self._controls.stacks(body)

    # -- watching a drain --------------------------------------------------------------

    async def get_drain(self) -> DrainView:
        return self._controls.status().drain

    async def watch_drain(self, request: web.Request) -> web.StreamResponse:
        """One line of JSON for each change, and every second, until the last job has ended."""
        if self._closing or len(self._watchers) >= MAX_WATCHERS:
            raise ControlRefused(
                "the daemon is ending"
                if self._closing
                else f"{MAX_WATCHERS} others watch already; the status has the same figures",
                code="busy",
            )
        # A set event stands for any number of changes: a slow client costs no memory.
        changed = asyncio.Event()
        self._watchers.add(changed)
        unsubscribe = self._controls.subscribe(changed.set)
        try:
            return await self._stream_drain(request, changed)
        finally:
            unsubscribe()
            self._watchers.discard(changed)

    async def _stream_drain(
        self, request: web.Request, changed: asyncio.Event
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": STREAM})
        await within(now() + WRITE_TIMEOUT, response.prepare(request))
        try:
            while True:
                changed.clear()
                view = self._controls.status().drain
                await within(now() + WRITE_TIMEOUT, response.write(_line(view)))
                if view.done or self._closing:
                    break
                await wait_event(changed, WATCH_INTERVAL)
        except (TimeoutError, ConnectionError):
            # It reads nothing, or has gone. Half a line would be waited for at the end.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def close(self, _: web.Application) -> None:
        """The server ends: streams say where things stand and end too."""
        self._closing = True
        for changed in self._watchers:
            changed.set()


def _line(view: DrainView) -> bytes:
    return as_json(view) + b"\n"


def _records(query: RecordsQuery) -> Query:
    return Query(
        job=_one_line("job", query.job),
        child=_one_line("child", query.child),
        limit=query.limit,
        before=query.before or None,
    )


def _one_line(name: str, text: str) -> str:
    """Text that ends up in the log, the journal and LiveKit; raises ControlRefused."""
    if not is_line(text):
        raise ControlRefused(
            f"{name}: it must be one line, without control characters", code="bad_request"
        )
    return text


def _log_taken(what: str, reason: str = "", **fields: str) -> None:
    logger.info(
        "asked over the control API",
        extra={"action": "control_request", "request": what, "reason": reason, **fields},
    )
