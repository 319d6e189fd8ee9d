"""What a supervisor tells the log, with OTP's four fields: supervisor, context, reason, offender.

(supervisor(3) and the SASL error logging guide, "Supervisor Report".) The contexts are OTP's, and
`failing`, which is a child that cools down.
"""

from __future__ import annotations

import logging
from enum import Enum

from msgspec import Struct

from .spec import ChildSpec, Shutdown

logger = logging.getLogger("agentd.supervision")


class Context(Enum):
    """What the supervisor was about when it had something to report."""

    START_ERROR = "start_error"
    CHILD_TERMINATED = "child_terminated"
    SHUTDOWN_ERROR = "shutdown_error"
    SHUTDOWN = "shutdown"
    FAILING = "failing"


MESSAGES = {
    Context.START_ERROR: "child could not be started",
    Context.CHILD_TERMINATED: "child ended",
    Context.SHUTDOWN_ERROR: "child did not stop in good order",
    Context.SHUTDOWN: "supervisor gives up: a child failed too often",
    Context.FAILING: "child failed too often: it is tried at the longest delay from now on",
}


class Report(Struct, frozen=True, kw_only=True):
    """Something that went wrong with a child, and what follows."""

    context: Context
    offender: ChildSpec
    reason: str
    error: BaseException | None = None
    next_start_in: float | None = None
    """Seconds until it is started again, where it is."""


def report_fields(supervisor: str, report: Report) -> dict[str, object]:
    """A report as fields of a log line."""
    spec = report.offender
    fields: dict[str, object] = {
        "action": f"supervisor_{report.context.value}",
        "supervisor": supervisor,
        "context": report.context.value,
        "reason": report.reason,
        "offender": spec.id,
        "child_type": spec.type.value,
        "restart": spec.restart.value,
        "shutdown": spec.shutdown.value if isinstance(spec.shutdown, Shutdown) else spec.shutdown,
    }
    if report.next_start_in is not None:
        fields["next_start_in"] = round(report.next_start_in, 3)
    return fields


def write_report(supervisor: str, report: Report) -> None:
    """Put a report into the log."""
    logger.error(
        MESSAGES[report.context], exc_info=report.error, extra=report_fields(supervisor, report)
    )
