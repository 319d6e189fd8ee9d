"""Calls the app's hooks that come before a job: prewarm and on_request."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

from livekit.protocol import agent

from agentd.aio.tasks import TaskOwner
from agentd.app.options import RequestFnc
from agentd.app.server import AgentServer
from agentd.app.usererror import error_fields, one_line
from agentd.errors import AppError
from agentd.protocol.job import JobAnswer, JobOffer

from .process import JobProcess
from .request import JobRequest, accepting

logger = logging.getLogger("agentd.job")

_requests = TaskOwner("on_request")
"""One for the process: an on_request may go on after it has answered, until the loop ends."""


def run_prewarm(app: AgentServer, process: JobProcess) -> None:
    """Call the app's setup function; lets its errors out.

    Raises AppError where it is a coroutine function, which would otherwise never run.
    """
    if app.setup_fnc is None:
        return
    if inspect.iscoroutinefunction(app.setup_fnc):
        raise AppError("the prewarm function is a coroutine function: define it with 'def'")
    app.setup_fnc(process)


async def answer_offer(app: AgentServer, offer: JobOffer, process: JobProcess) -> JobAnswer:
    """What the app says to an offer; without an `on_request` of its own it says yes.

    Returns as soon as the app has answered; the function may go on afterwards. One that
    raises, or returns without an answer, declines, and leaves the job to other workers.
    Being cancelled cancels the app's function. The caller sets the deadline.
    """
    job = agent.Job.FromString(offer.job)
    if app.request_fnc is None:
        return accepting(job)
    request = JobRequest(job)
    running = _requests.start(_ask(app.request_fnc, request), name=offer.job_id)
    answered_or_over: set[asyncio.Future[Any]] = {running, request.answered}
    try:
        await asyncio.wait(answered_or_over, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        running.cancel()
        raise
    if request.answered.done():
        return request.answered.result()
    return _no_answer(request, failure=None if running.cancelled() else running.result())


async def _ask(on_request: RequestFnc, request: JobRequest) -> str | None:
    """Run the user's function; returns what it failed with."""
    try:
        result = on_request(request)
        if inspect.isawaitable(result):
            await result
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code
        logger.error(
            "on_request failed",
            extra={"action": "on_request_failed", "job_id": request.id, **error_fields(error)},
        )
        return one_line(error)
    return None


def _no_answer(request: JobRequest, failure: str | None) -> JobAnswer:
    reason = f"on_request raised {failure}" if failure else "on_request gave no answer"
    logger.warning(
        "declining the job: on_request did not call accept() or reject()",
        extra={"action": "offer_unanswered", "job_id": request.id, "reason": reason},
    )
    return JobAnswer(accept=False, terminate=False, reason=reason)
