"""Options in the shape that users of livekit-agents know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any, Generic, TypeVar, overload

from agentd.given import NOT_GIVEN, NotGivenOr

T = TypeVar("T")
V = TypeVar("V")

# The argument types of these functions (JobContext, JobRequest, JobProcess) live in a room
# above this one, which this room may not import; hence Any.
EntrypointFnc = Callable[[Any], Awaitable[None]]
RequestFnc = Callable[[Any], Any]
SessionEndFnc = Callable[[Any], Any]
SetupFnc = Callable[[Any], Any]


@unique
class ServerType(Enum):
    """Which jobs the server asks for. The values are LiveKit's numbers of `JobType`."""

    ROOM = 0
    """One job a room."""
    PUBLISHER = 1
    """One job for each participant that publishes."""


WorkerType = ServerType


@unique
class JobExecutorType(Enum):
    """Where a job runs. Only PROCESS has an effect here; docs/parity.md says why."""

    PROCESS = "process"
    THREAD = "thread"


@dataclass(frozen=True)
class ServerEnvOption(Generic[T]):
    """An option with one value for `dev` and another for `start`."""

    dev_default: T
    prod_default: T

    @overload
    @staticmethod
    def getvalue(opt: ServerEnvOption[V], devmode: bool) -> V: ...

    @overload
    @staticmethod
    def getvalue(opt: V, devmode: bool) -> V: ...

    @staticmethod
    def getvalue(opt: Any, devmode: bool) -> Any:
        """The value that counts in this mode; a plain value counts in both."""
        if isinstance(opt, ServerEnvOption):
            return opt.dev_default if devmode else opt.prod_default
        return opt


@dataclass
class WorkerPermissions:
    """What the agent's participant may do in the room."""

    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_update_metadata: bool = True
    can_publish_sources: list[int] = field(default_factory=list)
    """Values of `livekit.protocol.models.TrackSource`; empty means all."""
    hidden: bool = False


@dataclass(kw_only=True)
class _Knobs:
    """The options that AgentServer takes under the same names."""

    job_executor_type: NotGivenOr[JobExecutorType] = NOT_GIVEN
    load_fnc: NotGivenOr[Callable[..., float]] = NOT_GIVEN
    load_threshold: NotGivenOr[float | ServerEnvOption[float]] = NOT_GIVEN
    job_memory_warn_mb: NotGivenOr[float] = NOT_GIVEN
    job_memory_limit_mb: NotGivenOr[float] = NOT_GIVEN
    drain_timeout: NotGivenOr[float] = NOT_GIVEN
    num_idle_processes: NotGivenOr[int | ServerEnvOption[int]] = NOT_GIVEN
    max_jobs: NotGivenOr[int] = NOT_GIVEN
    shutdown_process_timeout: NotGivenOr[float] = NOT_GIVEN
    session_end_timeout: NotGivenOr[float] = NOT_GIVEN
    initialize_process_timeout: NotGivenOr[float] = NOT_GIVEN
    permissions: WorkerPermissions = field(default_factory=WorkerPermissions)
    max_retry: NotGivenOr[int] = NOT_GIVEN
    ws_url: NotGivenOr[str | None] = NOT_GIVEN
    api_key: NotGivenOr[str | None] = field(default=NOT_GIVEN, repr=False)
    api_secret: NotGivenOr[str | None] = field(default=NOT_GIVEN, repr=False)
    host: NotGivenOr[str] = NOT_GIVEN
    port: NotGivenOr[int | ServerEnvOption[int]] = NOT_GIVEN
    http_proxy: NotGivenOr[str | None] = field(default=NOT_GIVEN, repr=False)
    multiprocessing_context: NotGivenOr[str] = NOT_GIVEN
    preload_modules: list[str] | None = None
    preload_fnc: Callable[[], Any] | None = None
    prometheus_port: NotGivenOr[int | None] = NOT_GIVEN
    prometheus_multiproc_dir: NotGivenOr[str | None] = NOT_GIVEN
    log_level: NotGivenOr[str | ServerEnvOption[str]] = NOT_GIVEN


@dataclass
class WorkerOptions(_Knobs):
    """The older form of an app: one entrypoint and its options in one object.

    Durations are in seconds. Options that are not given take the daemon's own settings
    (docs/configuration.md); an instance can be pickled if its functions can.
    """

    entrypoint_fnc: EntrypointFnc
    request_fnc: RequestFnc | None = None
    """Decides about a job by `accept` or `reject`; without one every job is accepted."""
    prewarm_fnc: SetupFnc | None = None
    """Runs in each child before it takes a job."""
    agent_name: str = ""
    worker_type: ServerType = ServerType.ROOM


ServerOptions = WorkerOptions
