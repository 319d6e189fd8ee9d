"""How long a job takes on its way to run, step by step."""

from __future__ import annotations

from agentd.figures import observe
from agentd.figures.families import DISPATCH
from agentd.protocol.job import JobState

from .jobs import Job

STEPS: dict[tuple[JobState, JobState], str] = {
    ("offered", "accepted"): "accept",
    ("accepted", "assigned"): "assign",
    ("assigned", "running"): "start",
}
"""Names of the moves that are measured: no resume is among them."""


def measure_move(job: Job, state: JobState, at: float) -> None:
    """A job is about to move to this state; not one that another daemon has begun."""
    step = STEPS.get((job.state, state))
    if step is not None and not job.found:
        observe(DISPATCH, at - job.since, step=step)
        if step == "start":
            observe(DISPATCH, at - job.offered_at, step="total")
    job.since = at
