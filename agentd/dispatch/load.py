"""What we report to LiveKit about ourselves: pure.

livekit-server adds up `0.7 - load` over the workers that call themselves available and
offers a job only where that is above zero (`DefaultTargetLoad` in its pkg/agent/config.go,
`JobRequestAffinity` in pkg/service/agentservice.go). Of several workers it draws one with
the weight `1 - load`. So as long as a slot is free the load stays below 0.7, and grows with
the slots in use so that a host with more room gets more jobs.
"""

from __future__ import annotations

from msgspec import Struct

TARGET_LOAD = 0.7
"""Load at which livekit-server stops offering jobs, unless its operator set another."""

ROOM_LOAD = 0.69
"""Upper bound of the load that is reported while a slot is free."""

FULL_LOAD = 1.0


class WorkerReport(Struct, frozen=True, kw_only=True):
    """One report about this worker."""

    load: float
    full: bool
    """Whether no job should be offered."""
    job_count: int
    draining: bool = False


def decide_report(
    used_slots: int, max_jobs: int, draining: bool, *, job_count: int | None = None
) -> WorkerReport:
    """The report for so many slots in use; `job_count` differs when some are only promised."""
    full = draining or used_slots >= max_jobs
    return WorkerReport(
        load=FULL_LOAD if full else ROOM_LOAD * used_slots / max_jobs,
        full=full,
        job_count=used_slots if job_count is None else job_count,
        draining=draining,
    )
