"""What plugins expect to be around them in livekit's own worker: an HTTP session of the job.

A plugin asks `livekit.agents.utils.http_context` for it, which looks into the context (PEP 567) of
the running task, and keeps what it gets. So the session must live as long as the plugin, and the
plugin's calls must begin in a context that has it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

from livekit.agents.types import APIConnectOptions as LkConnectOptions
from livekit.agents.utils import http_context

from agentd import get_job_context
from agentd.aio.tasks import TaskOwner
from agentd.errors import APIConnectionError

T = TypeVar("T")

DEFAULT_TIMEOUT = 10.0
"""Seconds that a plugin has to connect; livekit-agents' own default."""


def one_attempt(timeout: float) -> Any:
    """The connect options of a call that is not to be repeated: agentd does that."""
    return LkConnectOptions(max_retry=0, timeout=timeout)


class Surroundings:
    """Of one plugin, on the loop that first uses it. Closed by `aclose`, or with the job."""

    def __init__(self) -> None:
        self._owner = TaskOwner("livekit-plugin")
        self._context: contextvars.Context | None = None
        self._ending = asyncio.Event()
        self._opened: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def run(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call something of the plugin, in a context of its own that has the session.

        What the call starts as tasks has it, too. Raises APIConnectionError after `aclose`.
        """
        context = await self._open()
        return context.copy().run(call, *args, **options)

    def start(self, call: Callable[[], Any], *, name: str) -> None:
        """Call something in the background, where a loop runs; its failure is logged."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # in a process that is still being prepared there is nothing to connect with
        if not self._ending.is_set():
            self._owner.start(self.run(call), name=name)

    async def aclose(self) -> None:
        """Close the session. May be repeated."""
        self._ending.set()
        if self._opened is not None:
            await asyncio.wait({self._opened})
        await self._owner.aclose()

    async def _open(self) -> contextvars.Context:
        if self._ending.is_set():
            raise APIConnectionError("the plugin is closed", retryable=False)
        if self._opened is None:
            self._opened = self._owner.start(self._hold(), name="http")
            job = get_job_context(required=False)
            if job is not None:
                job.add_shutdown_callback(self.aclose)
        await self._ready.wait()
        if self._context is None:
            raise APIConnectionError("the plugin's HTTP session could not be opened")
        return self._context

    async def _hold(self) -> None:
        try:
            async with http_context.open():
                self._context = contextvars.copy_context()
                self._ready.set()
                await self._ending.wait()
        finally:
            self._context = None
            self._ready.set()


def circuit_of(plugin: Any) -> str:
    """Key of a plugin's circuit breaker; none where it does not tell whose model it is."""
    provider, model = str(plugin.provider), str(plugin.model)
    return "" if "unknown" in (provider, model) else f"{provider}/{model}"
