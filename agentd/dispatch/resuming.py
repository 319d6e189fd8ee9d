"""What comes before a job goes on in another child: a pause perhaps, and a fresh token."""

from __future__ import annotations

import logging

from msgspec import structs

from agentd.aio.timing import wall_time
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAssignment
from agentd.settings.model import LiveKitSettings
from agentd.supervision.backoff import Backoff

from .jobs import Job
from .token import renew_token

logger = logging.getLogger("agentd.dispatch")

PAUSE_BASE = 0.25
PAUSE_CAP = 4.0
"""Bounds in seconds of the pauses before a job that died again goes on, with full jitter."""

HEALTHY_AFTER = 10.0
"""Seconds of life after which a job that dies goes on at once."""


class Pauses:
    """How long each job waits before it goes on."""

    def __init__(self) -> None:
        self._backoffs: dict[JobId, Backoff] = {}

    def next(self, job: Job, now: float) -> float:
        """None, unless the job died soon after it was resumed: then growing ones."""
        before = job.resumed_at[-2] if len(job.resumed_at) > 1 else float("-inf")
        if now - before > HEALTHY_AFTER:
            self.forget(job)
            return 0.0
        backoff = self._backoffs.setdefault(job.id, Backoff(base=PAUSE_BASE, cap=PAUSE_CAP))
        return backoff.next_delay()

    def forget(self, job: Job) -> None:
        """The job is over, or well again."""
        self._backoffs.pop(job.id, None)


def renewed(assignment: JobAssignment, livekit: LiveKitSettings) -> JobAssignment:
    """The assignment with a token that can't have expired."""
    if assignment.fake:
        return assignment
    try:
        token = renew_token(
            assignment.token,
            api_key=livekit.api_key,
            api_secret=livekit.api_secret,
            now=wall_time(),
        )
    except ValueError as error:
        logger.warning(
            "the job goes on with the token that it had",
            extra={
                "action": "token_not_renewed",
                "job": assignment.job_id,
                "reason": str(error),
            },
        )
        return assignment
    return structs.replace(assignment, token=token)
