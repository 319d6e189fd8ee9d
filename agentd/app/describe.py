"""An app as plain data, for the supervisor, which never imports the app itself."""

from __future__ import annotations

from typing import Any

from agentd.errors import NoEntrypoint
from agentd.protocol.app import AppInfo, Permissions, ServerType

from . import options
from .server import AgentServer

SettingValue = bool | int | float | str

_RENAMED = {"ws_url": "url"}

_SETTINGS = frozenset(
    {
        "ws_url",
        "api_key",
        "api_secret",
        "http_proxy",
        "max_retry",
        "max_jobs",
        "num_idle_processes",
        "initialize_process_timeout",
        "shutdown_process_timeout",
        "session_end_timeout",
        "drain_timeout",
        "host",
        "port",
        "log_level",
        "job_memory_warn_mb",
        "job_memory_limit_mb",
    }
)
"""Options of AgentServer that are settings of the daemon."""

_WHOLE_NUMBERS = ("job_memory_warn_mb", "job_memory_limit_mb")
"""What users of livekit-agents may give as a float and we count in whole megabytes."""

_NO_EFFECT = {
    "load_fnc": "is not called: capacity is counted in slots, set max_jobs",
    "load_threshold": "has no effect: capacity is counted in slots, set max_jobs",
    "multiprocessing_context": (
        "has no effect: children are forked from the template, set start_method to change that"
    ),
    "prometheus_port": "has no effect: the daemon has one HTTP port for everything, set port",
    "prometheus_multiproc_dir": (
        "has no effect: children send their figures over the daemon's own socket"
    ),
}


def describe(app: AgentServer) -> AppInfo:
    """The app in the form that crosses to the supervisor.

    Closes the app's options to further changes. Raises NoEntrypoint.
    """
    if app.entrypoint_fnc is None:
        raise NoEntrypoint
    app.seal()
    return AppInfo(
        agent_name=app.agent_name,
        server_type=_server_type(app.server_type),
        permissions=_permissions(app.permissions),
        answers_offers=app.request_fnc is not None,
        settings=_settings(app, devmode=False),
        dev_settings=_settings(app, devmode=True),
        models=list({ref.key: ref for ref in app.models}.values()),
        notes=_notes(app),
    )


def _server_type(kind: options.ServerType) -> ServerType:
    return "publisher" if kind is options.ServerType.PUBLISHER else "room"


def _permissions(permissions: options.WorkerPermissions) -> Permissions:
    return Permissions(
        can_publish=permissions.can_publish,
        can_subscribe=permissions.can_subscribe,
        can_publish_data=permissions.can_publish_data,
        can_update_metadata=permissions.can_update_metadata,
        can_publish_sources=[int(source) for source in permissions.can_publish_sources],
        hidden=permissions.hidden,
    )


def _settings(app: AgentServer, *, devmode: bool) -> dict[str, SettingValue]:
    settings: dict[str, SettingValue] = {}
    for name, given in app.options.items():
        value = options.ServerEnvOption.getvalue(given, devmode)
        if name in _SETTINGS and not _means_unset(name, value):
            settings[_RENAMED.get(name, name)] = _setting(name, value)
    return settings


def _means_unset(name: str, value: Any) -> bool:
    # for the proxy None says "none, whatever the environment says"; elsewhere it says nothing
    return value is None and name != "http_proxy"


def _setting(name: str, value: Any) -> SettingValue:
    if name == "host" and value == "":
        return "0.0.0.0"  # what an empty host means to users of livekit-agents
    if name in _WHOLE_NUMBERS:
        return int(value)
    setting: SettingValue = "" if value is None else value
    return setting


def _notes(app: AgentServer) -> list[str]:
    given = app.options
    notes = [f"{name} {why}" for name, why in _NO_EFFECT.items() if given.get(name) is not None]
    if given.get("job_executor_type") is options.JobExecutorType.THREAD:
        notes.append(
            "job_executor_type=THREAD has no effect: each job runs in a process of its own"
        )
    if app.simulation_end_fnc is not None:
        notes.append("on_simulation_end is not called: simulations are not supported yet")
    return notes
