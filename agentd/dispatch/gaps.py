"""How long a caller is without the agent, where its job goes on in another process."""

from __future__ import annotations

from agentd.figures import observe
from agentd.figures.families import GAPS

from .jobs import Job


def note_gone(job: Job, at: float) -> None:
    """Its process is gone; where the one before had not come so far, the gap goes on."""
    if job.gone_at is None:
        job.gone_at = at


def note_there_again(job: Job, at: float) -> None:
    """Its agent is in the room again."""
    if job.gone_at is not None:
        observe(GAPS, at - job.gone_at, reason=job.resume_reason)
        job.gone_at = None
