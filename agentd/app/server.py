"""AgentServer: what a user's file declares about its agent."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar, overload

from agentd.errors import AppError
from agentd.given import NOT_GIVEN, NotGivenOr, only_given
from agentd.protocol.models import ModelRef

from .options import (
    EntrypointFnc,
    JobExecutorType,
    RequestFnc,
    ServerEnvOption,
    ServerType,
    SessionEndFnc,
    SetupFnc,
    WorkerOptions,
    WorkerPermissions,
)

EntrypointT = TypeVar("EntrypointT", bound=EntrypointFnc)

_OWN_FIELDS = {"entrypoint_fnc", "request_fnc", "prewarm_fnc", "agent_name", "worker_type"}


class AgentServer:
    """An app: its entrypoint, its hooks, and the settings it wishes for.

    It declares and does not run: `agentd start` reads it in the template process and
    starts children that call it. Settings given here are the weakest that a user can
    give: flags, the environment and agentd.toml go before them. Those that are not given
    take the daemon's defaults (docs/configuration.md). Durations are in seconds.
    """

    def __init__(  # noqa: PLR0913 - the names that users know
        self,
        *,
        job_executor_type: NotGivenOr[JobExecutorType] = NOT_GIVEN,
        load_threshold: NotGivenOr[float | ServerEnvOption[float]] = NOT_GIVEN,
        job_memory_warn_mb: NotGivenOr[float] = NOT_GIVEN,
        job_memory_limit_mb: NotGivenOr[float] = NOT_GIVEN,
        drain_timeout: NotGivenOr[float] = NOT_GIVEN,
        num_idle_processes: NotGivenOr[int | ServerEnvOption[int]] = NOT_GIVEN,
        max_jobs: NotGivenOr[int] = NOT_GIVEN,
        shutdown_process_timeout: NotGivenOr[float] = NOT_GIVEN,
        session_end_timeout: NotGivenOr[float] = NOT_GIVEN,
        initialize_process_timeout: NotGivenOr[float] = NOT_GIVEN,
        permissions: WorkerPermissions | None = None,
        max_retry: NotGivenOr[int] = NOT_GIVEN,
        ws_url: NotGivenOr[str | None] = NOT_GIVEN,
        api_key: NotGivenOr[str | None] = NOT_GIVEN,
        api_secret: NotGivenOr[str | None] = NOT_GIVEN,
        host: NotGivenOr[str] = NOT_GIVEN,
        port: NotGivenOr[int | ServerEnvOption[int]] = NOT_GIVEN,
        http_proxy: NotGivenOr[str | None] = NOT_GIVEN,
        multiprocessing_context: NotGivenOr[str] = NOT_GIVEN,
        setup_fnc: SetupFnc | None = None,
        load_fnc: NotGivenOr[Callable[..., float]] = NOT_GIVEN,
        preload_modules: list[str] | None = None,
        preload_fnc: Callable[[], Any] | None = None,
        models: Sequence[ModelRef] = (),
        prometheus_port: NotGivenOr[int | None] = NOT_GIVEN,
        prometheus_multiproc_dir: NotGivenOr[str | None] = NOT_GIVEN,
        log_level: NotGivenOr[str | ServerEnvOption[str]] = NOT_GIVEN,
    ) -> None:
        self._options = only_given(
            job_executor_type=job_executor_type,
            load_fnc=load_fnc,
            load_threshold=load_threshold,
            job_memory_warn_mb=job_memory_warn_mb,
            job_memory_limit_mb=job_memory_limit_mb,
            drain_timeout=drain_timeout,
            num_idle_processes=num_idle_processes,
            max_jobs=max_jobs,
            shutdown_process_timeout=shutdown_process_timeout,
            session_end_timeout=session_end_timeout,
            initialize_process_timeout=initialize_process_timeout,
            max_retry=max_retry,
            ws_url=ws_url,
            api_key=api_key,
            api_secret=api_secret,
            host=host,
            port=port,
            http_proxy=http_proxy,
            multiprocessing_context=multiprocessing_context,
            prometheus_port=prometheus_port,
            prometheus_multiproc_dir=prometheus_multiproc_dir,
            log_level=log_level,
        )
        self._sealed = False
        self.permissions = permissions or WorkerPermissions()
        self.preload_modules = preload_modules or []
        """Modules that the template imports once, before it forks."""
        self.preload_fnc = preload_fnc
        """Called once in the template, without arguments: all children share what it makes."""
        self.models = _checked(models)
        """Local models that all jobs share: loaded once, in the model host, when the daemon
        starts. Elsewhere each process that uses one loads its own."""
        self.setup_fnc = setup_fnc
        """Prewarm: called with the JobProcess in each child, before it takes a job."""
        self.agent_name = ""
        self.server_type = ServerType.ROOM
        self.entrypoint_fnc: EntrypointFnc | None = None
        self.request_fnc: RequestFnc | None = None
        self.session_end_fnc: SessionEndFnc | None = None
        self.simulation_end_fnc: Callable[[Any], Any] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given, by their names here; a copy."""
        return dict(self._options)

    @classmethod
    def from_server_options(cls, options: WorkerOptions) -> AgentServer:
        """The same app in the newer form."""
        shared = {
            item.name: getattr(options, item.name)
            for item in fields(options)
            if item.name not in _OWN_FIELDS
        }
        server = cls(setup_fnc=options.prewarm_fnc, **shared)
        server.rtc_session(
            options.entrypoint_fnc,
            agent_name=options.agent_name,
            type=options.worker_type,
            on_request=options.request_fnc,
        )
        return server

    @overload
    def rtc_session(
        self,
        func: EntrypointT,
        *,
        agent_name: str = "",
        type: ServerType = ServerType.ROOM,
        on_request: RequestFnc | None = None,
        on_session_end: SessionEndFnc | None = None,
        on_simulation_end: Callable[[Any], Any] | None = None,
    ) -> EntrypointT: ...

    @overload
    def rtc_session(
        self,
        *,
        agent_name: str = "",
        type: ServerType = ServerType.ROOM,
        on_request: RequestFnc | None = None,
        on_session_end: SessionEndFnc | None = None,
        on_simulation_end: Callable[[Any], Any] | None = None,
    ) -> Callable[[EntrypointT], EntrypointT]: ...

    def rtc_session(
        self,
        func: EntrypointT | None = None,
        *,
        agent_name: str = "",
        type: ServerType = ServerType.ROOM,
        on_request: RequestFnc | None = None,
        on_session_end: SessionEndFnc | None = None,
        on_simulation_end: Callable[[Any], Any] | None = None,
    ) -> EntrypointT | Callable[[EntrypointT], EntrypointT]:
        """Register the entrypoint: a decorator, with or without parentheses, or a plain call.

        With an `agent_name`, jobs come by explicit dispatch only; without one, every new
        room gets the agent. Raises AppError for a second entrypoint and for a function
        that is not a coroutine function.
        """

        def register(entrypoint: EntrypointT) -> EntrypointT:
            self._check_entrypoint(entrypoint)
            self.entrypoint_fnc = entrypoint
            self.agent_name = agent_name
            self.server_type = type
            self.request_fnc = on_request
            self.session_end_fnc = on_session_end
            self.simulation_end_fnc = on_simulation_end
            return entrypoint

        return register if func is None else register(func)

    def _check_entrypoint(self, entrypoint: EntrypointFnc) -> None:
        if self.entrypoint_fnc is not None:
            raise AppError(
                f"this AgentServer already has the entrypoint '{_name(self.entrypoint_fnc)}', so "
                f"'{_name(entrypoint)}' can't be another: make a second AgentServer for it"
            )
        called = entrypoint if inspect.isroutine(entrypoint) else type(entrypoint).__call__
        if not (inspect.iscoroutinefunction(entrypoint) or inspect.iscoroutinefunction(called)):
            raise AppError(
                f"the entrypoint '{_name(entrypoint)}' is not a coroutine function: "
                f"define it with 'async def'"
            )

    def update_options(  # noqa: PLR0913 - likewise
        self,
        *,
        ws_url: NotGivenOr[str] = NOT_GIVEN,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        api_secret: NotGivenOr[str] = NOT_GIVEN,
        max_retry: NotGivenOr[int] = NOT_GIVEN,
        job_executor_type: NotGivenOr[JobExecutorType] = NOT_GIVEN,
        load_threshold: NotGivenOr[float] = NOT_GIVEN,
        job_memory_warn_mb: NotGivenOr[float] = NOT_GIVEN,
        job_memory_limit_mb: NotGivenOr[float] = NOT_GIVEN,
        drain_timeout: NotGivenOr[float] = NOT_GIVEN,
        num_idle_processes: NotGivenOr[int] = NOT_GIVEN,
        max_jobs: NotGivenOr[int] = NOT_GIVEN,
        shutdown_process_timeout: NotGivenOr[float] = NOT_GIVEN,
        session_end_timeout: NotGivenOr[float] = NOT_GIVEN,
        initialize_process_timeout: NotGivenOr[float] = NOT_GIVEN,
    ) -> None:
        """Change options while the app's file is being imported; raises AppError after that."""
        if self._sealed:
            raise AppError(
                "options can't be changed any more: the daemon reads them when the app has been "
                "imported. Call update_options at the top level of the app's file"
            )
        self._options |= only_given(
            ws_url=ws_url,
            api_key=api_key,
            api_secret=api_secret,
            max_retry=max_retry,
            job_executor_type=job_executor_type,
            load_threshold=load_threshold,
            job_memory_warn_mb=job_memory_warn_mb,
            job_memory_limit_mb=job_memory_limit_mb,
            drain_timeout=drain_timeout,
            num_idle_processes=num_idle_processes,
            max_jobs=max_jobs,
            shutdown_process_timeout=shutdown_process_timeout,
            session_end_timeout=session_end_timeout,
            initialize_process_timeout=initialize_process_timeout,
        )

    def seal(self) -> None:
        """Options have been read: from now on `update_options` raises. May be repeated."""
        self._sealed = True


def _checked(models: Sequence[ModelRef]) -> list[ModelRef]:
    """Raises AppError for what names no model."""
    for ref in models:
        if not isinstance(ref, ModelRef):
            raise AppError(f"models must be refs, such as moonshine.STT.ref(), but one is {ref!r}")
        try:
            ref.check()
        except ValueError as error:
            raise AppError(f"the model '{ref.name}' can't be used: {error}") from error
    return list(models)


def _name(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
