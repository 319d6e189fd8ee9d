"""What the user's code is given while it works on a job, and the running of one job.

Knows the room and, later, the session; knows nothing of sockets, frames in transit or
other children: the child hands in data and takes a `JobOutcome` back. The names are
loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd.app.options import JobExecutorType as JobExecutorType
    from agentd.room.connect import AutoSubscribe as AutoSubscribe

    from .context import JobContext as JobContext
    from .current import get_current_job_context as get_current_job_context
    from .current import get_job_context as get_job_context
    from .process import JobProcess as JobProcess
    from .request import JobRequest as JobRequest

_NAMES = {
    "AutoSubscribe": "agentd.room.connect",
    "JobContext": "agentd.job.context",
    "JobExecutorType": "agentd.app.options",
    "JobProcess": "agentd.job.process",
    "JobRequest": "agentd.job.request",
    "get_current_job_context": "agentd.job.current",
    "get_job_context": "agentd.job.current",
}
"""The module of each name that users of livekit-agents import from here."""

__all__ = [*_NAMES]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_NAMES[name]), name)
