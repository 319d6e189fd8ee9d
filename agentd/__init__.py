"""agentd runs LiveKit voice agents as supervised child processes.

The public names are loaded on first use: any import of `agentd.x` runs this module, also
in the supervisor, which must not load the media library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import cli as cli
    from .app.options import JobExecutorType as JobExecutorType
    from .app.options import ServerEnvOption as ServerEnvOption
    from .app.options import ServerOptions as ServerOptions
    from .app.options import ServerType as ServerType
    from .app.options import WorkerOptions as WorkerOptions
    from .app.options import WorkerPermissions as WorkerPermissions
    from .app.options import WorkerType as WorkerType
    from .app.server import AgentServer as AgentServer
    from .given import NOT_GIVEN as NOT_GIVEN
    from .given import NotGiven as NotGiven
    from .given import NotGivenOr as NotGivenOr
    from .job.context import JobContext as JobContext
    from .job.context import get_current_job_context as get_current_job_context
    from .job.context import get_job_context as get_job_context
    from .job.process import JobProcess as JobProcess
    from .job.request import JobRequest as JobRequest
    from .language import LanguageCode as LanguageCode
    from .room.connect import AutoSubscribe as AutoSubscribe

__version__ = "0.1.0"

_NAMES = {
    "AgentServer": "app.server",
    "JobExecutorType": "app.options",
    "ServerEnvOption": "app.options",
    "ServerOptions": "app.options",
    "ServerType": "app.options",
    "WorkerOptions": "app.options",
    "WorkerPermissions": "app.options",
    "WorkerType": "app.options",
    "NOT_GIVEN": "given",
    "NotGiven": "given",
    "NotGivenOr": "given",
    "JobContext": "job.context",
    "get_current_job_context": "job.context",
    "get_job_context": "job.context",
    "JobProcess": "job.process",
    "JobRequest": "job.request",
    "AutoSubscribe": "room.connect",
    "LanguageCode": "language",
}
"""The module of each public name."""

_ROOMS = {"cli"}
"""Packages that are public as such."""

__all__ = [*_NAMES, *_ROOMS, "__version__"]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
