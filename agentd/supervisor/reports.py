"""How the daemon's tree tells what went wrong with a child.

The words of `agentd.supervision.report`, but for the template, whose ends and failed starts have
names of their own, and for errors that are raised on purpose: their text says it all, or the
user's own frames do, and ours would only be in the way.
"""

from __future__ import annotations

import logging

from agentd.errors import AgentdError, AppImportFailed
from agentd.logs.record import EXCEPTION
from agentd.supervision.report import MESSAGES, Context, Report, report_fields

logger = logging.getLogger("agentd.supervisor")

ACTIONS = {
    ("template", Context.CHILD_TERMINATED): "template_died",
    ("template", Context.START_ERROR): "app_failed",
    ("models", Context.CHILD_TERMINATED): "models_died",
    ("models", Context.START_ERROR): "models_failed",
}


def write_tree_report(supervisor: str, report: Report) -> None:
    """Put a report into the log."""
    fields = report_fields(supervisor, report)
    child = report.offender.id
    if report.context is Context.FAILING:
        fields["action"] = "failing"
    else:
        fields["action"] = ACTIONS.get((child, report.context), fields["action"])
    error = report.error
    if isinstance(error, AppImportFailed):
        fields[EXCEPTION] = error.traceback
    expected = isinstance(error, AgentdError)
    logger.error(
        f"{child}: {MESSAGES[report.context]}", exc_info=None if expected else error, extra=fields
    )
