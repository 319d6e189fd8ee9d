"""The control API: what the daemon does, and what it can be told to do.

Handlers only; who may ask is decided by whoever serves them (`control_server` for the Unix
socket).
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from agentd.aio.timing import now, wait_event, within
from agentd.errors import ControlRefused
from agentd.protocol.ids import JobId

from .answers import answer, as_json, read_body, read_number, timed
from .controls import Controls
from .views import Accepted, DrainRequest, DrainView, ReloadRequest, StopRequest

logger = logging.getLogger("agentd.management")

PREFIX = "/api/v1"

DEFAULT_JOBS = 50
MAX_JOBS = 500
"""Jobs in one page."""

MAX_TEXT = 200
"""Characters of an id or a reason."""

MAX_WATCHERS = 16
"""Streams at the same time."""

WATCH_INTERVAL = 1.0
"""Seconds after which a stream repeats itself: time passes too, and a dead client shows."""

WRITE_TIMEOUT = 5.0
"""Seconds that a stream waits for a client that does not read, before it is dropped."""


class ControlApi:
    """The routes of the control API on a `Controls`."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._watchers: set[asyncio.Event] = set()
        self._closing = False

    def add_to(self, app: web.Application) -> None:
        """Mount the routes; the app also needs `answers.json_errors` and a body limit."""
        app.router.add_get(f"{PREFIX}/status", timed(self._get_status))
        app.router.add_get(f"{PREFIX}/tree", timed(self._get_tree))
        app.router.add_get(f"{PREFIX}/jobs", timed(self._get_jobs))
        app.router.add_get(f"{PREFIX}/jobs/{{id}}", timed(self._get_job))
        app.router.add_get(f"{PREFIX}/drain", self._watch_drain)  # each of its steps is timed
        app.router.add_post(f"{PREFIX}/drain", timed(self._drain))
        app.router.add_post(f"{PREFIX}/reload", timed(self._reload))
        app.router.add_post(f"{PREFIX}/jobs/{{id}}/stop", timed(self._stop_job))
        app.on_shutdown.append(self._close)

    # -- looking -----------------------------------------------------------------------

    async def _get_status(self, _: web.Request) -> web.Response:
        return answer(self._controls.status())

    async def _get_tree(self, _: web.Request) -> web.Response:
        return answer(self._controls.tree())

    async def _get_jobs(self, request: web.Request) -> web.Response:
        limit = read_number(request, "limit", DEFAULT_JOBS, maximum=MAX_JOBS)
        before = request.query.get("before", "")
        return answer(await self._controls.jobs(limit, _job_id(before) if before else None))

    async def _get_job(self, request: web.Request) -> web.Response:
        job_id = _job_id(request.match_info["id"])
        found = await self._controls.job(job_id)
        if found is None:
            raise ControlRefused(f"the journal knows no job '{job_id}'", code="not_found")
        return answer(found)

    # -- steering ----------------------------------------------------------------------

    async def _drain(self, request: web.Request) -> web.Response:
        body = await read_body(request, DrainRequest)
        self._controls.drain(_reason(body.reason, "asked to drain"))
        _log_taken("drain", body.reason)
        return answer(Accepted(accepted="drain"), 202)

    async def _reload(self, request: web.Request) -> web.Response:
        body = await read_body(request, ReloadRequest)
        self._controls.reload(swap=body.swap)
        _log_taken("reload")
        return answer(Accepted(accepted="reload"), 202)

    async def _stop_job(self, request: web.Request) -> web.Response:
        job_id = _job_id(request.match_info["id"])
        body = await read_body(request, StopRequest)
        if not self._controls.stop_job(job_id, _reason(body.reason, "stopped by the operator")):
            raise ControlRefused(f"no job '{job_id}' runs here", code="not_found")
        _log_taken("stop", body.reason, job=job_id)
        return answer(Accepted(accepted="stop"), 202)

    # -- watching a drain --------------------------------------------------------------

    async def _watch_drain(self, request: web.Request) -> web.StreamResponse:
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
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
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

    async def _close(self, _: web.Application) -> None:
        """The server ends: streams say where things stand and end too."""
        self._closing = True
        for changed in self._watchers:
            changed.set()


def _line(view: DrainView) -> bytes:
    return as_json(view) + b"\n"


def _job_id(text: str) -> JobId:
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ControlRefused("that is no id of a job", code="bad_request")
    return JobId(text)


def _reason(text: str, default: str) -> str:
    """Reasons end up in the log, the journal and LiveKit."""
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ControlRefused(
            f"reason: it must be one line of at most {MAX_TEXT} characters", code="bad_request"
        )
    return text or default


def _log_taken(what: str, reason: str = "", **fields: str) -> None:
    logger.info(
        "asked over the control API",
        extra={"action": "control_request", "request": what, "reason": reason, **fields},
    )
