"""What declares an app, under the name that users of livekit-agents import."""

from __future__ import annotations

from .app.options import (
    ServerEnvOption,
    ServerOptions,
    ServerType,
    WorkerOptions,
    WorkerPermissions,
    WorkerType,
)
from .app.server import AgentServer

__all__ = [
    "AgentServer",
    "ServerEnvOption",
    "ServerOptions",
    "ServerType",
    "WorkerOptions",
    "WorkerPermissions",
    "WorkerType",
]
