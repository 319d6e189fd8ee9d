"""Everything that can be set, with its default, bounds and meaning.

Field names are unique over all sections: the field `max_jobs` is `--max-jobs` on the
command line, `AGENTD_MAX_JOBS` in the environment, `max_jobs` under `[pool]` in
agentd.toml, and `AgentServer(max_jobs=...)` in the app. Durations are in seconds.
docs/configuration.md is generated from this module.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Secret = Annotated[str, Meta(extra={"secret": True})]

LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["auto", "json", "console", "journal"]
StartMethod = Literal["auto", "fork", "spawn"]
OnOff = Literal["on", "off"]


def available_cpus() -> int:
    """Cores that this process may use, at least 1."""
    return max(1, len(os.sched_getaffinity(0)))


def default_max_jobs() -> int:
    """Eight for each core: a running voice session is measured at under a tenth of a core."""
    return 8 * available_cpus()


def default_idle() -> int:
    """One warm child for each core, at most four."""
    return min(available_cpus(), 4)


class LiveKitSettings(Struct, frozen=True, kw_only=True):
    """The LiveKit server and how this worker shows itself to it."""

    url: Annotated[
        str,
        Meta(
            description="Address of the LiveKit server, such as ws://localhost:7880.",
            extra={"env": "LIVEKIT_URL", "app": "ws_url"},
        ),
    ] = ""
    api_key: Annotated[
        str,
        Meta(description="API key.", extra={"env": "LIVEKIT_API_KEY", "credential": True}),
    ] = ""
    api_secret: Annotated[
        Secret,
        Meta(description="API secret.", extra={"env": "LIVEKIT_API_SECRET", "credential": True}),
    ] = ""
    agent_name: Annotated[
        str,
        Meta(
            description=(
                "Name to register under. With a name, jobs come by explicit dispatch only; "
                "without one, every new room gets the agent."
            ),
            extra={"env": "LIVEKIT_AGENT_NAME"},
        ),
    ] = ""
    deployment: Annotated[
        str,
        Meta(
            description="Deployment that this worker belongs to.",
            extra={"env": "LIVEKIT_AGENT_DEPLOYMENT"},
        ),
    ] = ""
    http_proxy: Annotated[
        str,
        Meta(
            description="HTTP proxy for the connection to the server.",
            extra={"env": "HTTPS_PROXY"},
        ),
    ] = ""
    max_retry: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Attempts to reach the server before the daemon gives up, counted until the "
                "first registration. After that it tries for ever, since jobs may be running."
            ),
        ),
    ] = 16
    retry_max_delay: Annotated[
        Seconds, Meta(description="Longest pause between two attempts; pauses are jittered.")
    ] = 10.0
    stable_after: Annotated[
        Seconds,
        Meta(description="A registration this old counts as stable and resets the backoff."),
    ] = 10.0

    def __repr__(self) -> str:
        # Settings end up in tracebacks and debug logs; the secret must not.
        return f"LiveKitSettings(url={self.url!r}, agent_name={self.agent_name!r}, ...)"


class PoolSettings(Struct, frozen=True, kw_only=True):
    """Children: how many, how warm, how started."""

    max_jobs: Annotated[
        AtLeastOne, Meta(description="Slots: jobs that run at the same time. Default: 8 a core.")
    ] = default_max_jobs()
    num_idle_processes: Annotated[
        Count,
        Meta(description="Warm children to keep. Default: one a core, at most 4; in dev 1."),
    ] = default_idle()
    max_starting: Annotated[
        AtLeastOne, Meta(description="Children that start at the same time. Default: one a core.")
    ] = available_cpus()
    initialize_process_timeout: Annotated[
        Seconds, Meta(description="Time for a child's start and prewarm.")
    ] = 10.0
    template_timeout: Annotated[
        Seconds, Meta(description="Time for the template to import the app and run preload.")
    ] = 60.0
    models_timeout: Annotated[
        Seconds, Meta(description="Time for the model host to load the app's local models.")
    ] = 60.0
    shutdown_process_timeout: Annotated[
        Seconds,
        Meta(description="Time for a child to exit once its job is over, before it is killed."),
    ] = 10.0
    restart_max_delay: Annotated[
        Seconds, Meta(description="Longest pause before a failed start is tried again.")
    ] = 30.0
    start_method: Annotated[
        StartMethod,
        Meta(description="auto forks where it can and spawns where it can't."),
    ] = "auto"


class JobSettings(Struct, frozen=True, kw_only=True):
    """Budgets in the life of a job."""

    offer_timeout: Annotated[
        Seconds,
        Meta(
            description=(
                "How long an offer may wait for a warm child. livekit-server 1.11 ignores one "
                "answered later than 3 s after the dispatch."
            )
        ),
    ] = 2.5
    assignment_timeout: Annotated[
        Seconds, Meta(description="How long to wait for the assignment after accepting.")
    ] = 7.5
    drain_timeout: Annotated[
        Seconds, Meta(description="How long running jobs may go on after a drain began.")
    ] = 3600.0
    entrypoint_timeout: Annotated[
        Seconds,
        Meta(
            description="Time for an entrypoint to return after shutdown, before it is cancelled."
        ),
    ] = 15.0
    session_close_timeout: Annotated[
        Seconds, Meta(description="Time for the primary session to close.")
    ] = 60.0
    session_end_timeout: Annotated[Seconds, Meta(description="Time for on_session_end.")] = 300.0
    callback_timeout: Annotated[
        Seconds, Meta(description="Time for each shutdown callback; they run side by side.")
    ] = 10.0
    disconnect_timeout: Annotated[Seconds, Meta(description="Time to leave the room.")] = 5.0
    reconnect_grace: Annotated[
        Seconds,
        Meta(description="How long a job goes on when the supervisor is gone."),
    ] = 60.0
    max_resumes: Annotated[
        Count,
        Meta(
            description=(
                "How often a job goes on in another child after its own has died, within "
                "`resume_period`; after that it has failed. 0 resumes nothing. `request.accept` "
                "sets it for one job."
            )
        ),
    ] = 5
    resume_period: Annotated[
        Seconds, Meta(description="The time in which resumes are counted.")
    ] = 60.0
    resume_timeout: Annotated[
        Seconds,
        Meta(description="How long a job may wait for a child to go on in, before it has failed."),
    ] = 30.0
    heartbeat_timeout: Annotated[
        Seconds,
        Meta(
            description=(
                "How long a child's event loop may be blocked before the child is replaced "
                "and its job resumed; 0 waits for ever, as under a debugger."
            )
        ),
    ] = 15.0
    blocked_warning: Annotated[
        Seconds,
        Meta(description="How long it may be blocked before a warning shows where; 0 warns never."),
    ] = 1.0
    job_memory_warn_mb: Annotated[
        Count,
        Meta(
            description=(
                "A child's own memory (RSS without shared pages) in MB that is warned about; 0 "
                "never warns."
            )
        ),
    ] = 500
    job_memory_limit_mb: Annotated[
        Count,
        Meta(
            description=(
                "A child's own memory in MB over which it is replaced and its job resumed; 0 for "
                "no limit."
            )
        ),
    ] = 0


class HttpSettings(Struct, frozen=True, kw_only=True):
    """The daemon's own HTTP server."""

    host: Annotated[
        str,
        Meta(
            description=(
                "Address to listen on; one that others can reach (0.0.0.0, ::) needs `http_token`."
            )
        ),
    ] = "127.0.0.1"
    port: Annotated[
        Port, Meta(description="Port of /healthz; 0 takes a free one. Default: 8081; in dev 0.")
    ] = 8081
    http_token: Annotated[
        Secret,
        Meta(
            description=(
                "Who sends it (`Authorization: Bearer ...`) may look and steer. Without one, "
                "looking is open on loopback, and steering is left to the control socket."
            ),
            extra={"credential": True},
        ),
    ] = ""
    http_allowed_hosts: Annotated[
        str,
        Meta(
            description=(
                "Names, with commas between them, that requests may call this server by, beside "
                "`host`, localhost and its own addresses: those of a proxy, for instance."
            )
        ),
    ] = ""
    tls_cert: Annotated[
        str,
        Meta(description="PEM file of the certificate and those above it; HTTPS with `tls_key`."),
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of its private key, not encrypted.")] = ""

    def __repr__(self) -> str:
        # Settings end up in tracebacks and debug logs; the token must not.
        return f"HttpSettings(host={self.host!r}, port={self.port!r}, ...)"


class LogSettings(Struct, frozen=True, kw_only=True):
    """What is written, and how."""

    log_level: Annotated[
        LogLevel,
        Meta(
            description="Lowest level that is written. Default: INFO; in dev DEBUG.",
            extra={"env": "LIVEKIT_LOG_LEVEL"},
        ),
    ] = "INFO"
    log_format: Annotated[
        LogFormat,
        Meta(
            description=(
                "auto writes to systemd's journal, field by field, where standard output is the "
                "journal, and else JSON lines in start and coloured ones in dev."
            )
        ),
    ] = "auto"


class PathSettings(Struct, frozen=True, kw_only=True):
    """Where the daemon keeps its things."""

    state_dir: Annotated[
        str,
        Meta(
            description=(
                "What must survive a restart. Else systemd's STATE_DIRECTORY, else "
                "$XDG_STATE_HOME/agentd."
            )
        ),
    ] = ""
    runtime_dir: Annotated[
        str,
        Meta(
            description=(
                "The socket of the children. Else systemd's RUNTIME_DIRECTORY, else "
                "$XDG_RUNTIME_DIR/agentd."
            )
        ),
    ] = ""


class JournalSettings(Struct, frozen=True, kw_only=True):
    """The journal in the state directory: jobs, events, snapshots, post-mortems."""

    journal_max_age: Annotated[
        Seconds,
        Meta(description="How long ended jobs and events are kept; a week unless set."),
    ] = 604800.0
    journal_max_mb: Annotated[
        AtLeastOne,
        Meta(
            description=(
                "Size in MiB over which the oldest ended jobs and events are dropped. "
                "Unfinished jobs are always kept."
            )
        ),
    ] = 256


class AdmissionSettings(Struct, frozen=True, kw_only=True):
    """What closes the door to new jobs before the slots are taken. Running jobs go on."""

    min_free_memory_mb: Annotated[
        Count,
        Meta(
            description=(
                "Memory in MB, of the machine and below the cgroup's limit, that must be free "
                "for a new job; 0 looks at neither."
            )
        ),
    ] = 256
    max_memory_pressure: Annotated[
        Percent,
        Meta(
            description=(
                "Percent of the last 10 s in which some task waited for memory (PSI), over which "
                "no new job is taken; 0 does not look."
            )
        ),
    ] = 40
    max_cpu_pressure: Annotated[
        Percent,
        Meta(
            description=(
                "The same for tasks that waited for a CPU; 0 does not look. Off unless set: a "
                "machine may be busy with other things and still serve calls well."
            )
        ),
    ] = 0


class ReconcileSettings(Struct, frozen=True, kw_only=True):
    """Dispatches that LiveKit has forgotten are made again."""

    reconcile: Annotated[
        OnOff,
        Meta(
            description=(
                "Look for dispatches for our agent name that have no job, and for agents whose "
                "host has died, and make those dispatches again."
            )
        ),
    ] = "on"
    reconcile_interval: Annotated[
        Seconds, Meta(description="Time between two looks while there is room for a job.")
    ] = 2.5
    reconcile_max_rate: Annotated[
        AtLeastOne, Meta(description="API calls a second that this may take.")
    ] = 20


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, by section."""

    livekit: LiveKitSettings = LiveKitSettings()
    pool: PoolSettings = PoolSettings()
    jobs: JobSettings = JobSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    paths: PathSettings = PathSettings()
    journal: JournalSettings = JournalSettings()
    admission: AdmissionSettings = AdmissionSettings()
    reconcile: ReconcileSettings = ReconcileSettings()


DEV_DEFAULTS: dict[str, bool | int | float | str] = {
    "num_idle_processes": 1,
    "port": 0,
    "log_level": "DEBUG",
    "drain_timeout": 0.0,
}
"""What `agentd dev` takes instead of the defaults above."""
