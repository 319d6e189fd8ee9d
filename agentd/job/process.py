"""JobProcess: what stays the same in a child before and during its job."""

from __future__ import annotations

import os
from typing import Any

from agentd.app.options import JobExecutorType


class JobProcess:
    """The child process as prewarm and the job see it.

    What prewarm puts into `userdata` is there for the job that this process will run.
    """

    def __init__(
        self,
        *,
        executor_type: JobExecutorType = JobExecutorType.PROCESS,
        user_arguments: Any = None,
        http_proxy: str | None = None,
    ) -> None:
        self._executor_type = executor_type
        self._user_arguments = user_arguments
        self._http_proxy = http_proxy
        self._userdata: dict[Any, Any] = {}

    @property
    def pid(self) -> int:
        """The process's id."""
        return os.getpid()

    @property
    def userdata(self) -> dict[Any, Any]:
        """Anything that prewarm prepares for the job."""
        return self._userdata

    @property
    def executor_type(self) -> JobExecutorType:
        """Always PROCESS in a job that the daemon runs."""
        return self._executor_type

    @property
    def user_arguments(self) -> Any:
        """Whatever was given with the start of the process; None unless something was."""
        return self._user_arguments

    @property
    def http_proxy(self) -> str | None:
        """Proxy for requests to the outside, or None."""
        return self._http_proxy
