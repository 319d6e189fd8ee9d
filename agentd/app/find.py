"""Finds the app in a module that has been imported."""

from __future__ import annotations

from types import ModuleType

from agentd.errors import AppNotFound, NoEntrypoint

from .options import WorkerOptions
from .server import AgentServer

USUAL_NAMES = ("app", "server", "agent")


def find_app(module: ModuleType, name: str) -> AgentServer:
    """The app of a module: the object of that name or, with an empty name, the likeliest one.

    The likeliest is one under a usual name (app, server, agent), else the first AgentServer
    or WorkerOptions that the module defines. Raises AppNotFound for a name that is not
    there and NoEntrypoint where there is no app.
    """
    apps = {key: value for key, value in vars(module).items() if _is_app(value)}
    where = getattr(module, "__file__", None) or module.__name__
    if name:
        return _named(module, name, apps, where)
    for key in (*USUAL_NAMES, *apps):
        if key in apps:
            return as_server(apps[key])
    raise NoEntrypoint(
        f"'{where}' has no AgentServer: write 'server = AgentServer()' at its top level and "
        f"decorate a coroutine function with @server.rtc_session"
    )


def as_server(app: AgentServer | WorkerOptions) -> AgentServer:
    """An app in the newer of its two forms."""
    return AgentServer.from_server_options(app) if isinstance(app, WorkerOptions) else app


def _is_app(value: object) -> bool:
    return isinstance(value, AgentServer | WorkerOptions)


def _named(
    module: ModuleType, name: str, apps: dict[str, AgentServer | WorkerOptions], where: str
) -> AgentServer:
    if name in apps:
        return as_server(apps[name])
    remedy = f"use one of these: {', '.join(apps)}" if apps else "it has no AgentServer at all"
    if not hasattr(module, name):
        raise AppNotFound(f"'{where}' has no object named '{name}': {remedy}")
    kind = type(getattr(module, name)).__name__
    raise NoEntrypoint(
        f"'{name}' in '{where}' is a {kind}, not an AgentServer or WorkerOptions: {remedy}"
    )
