"""What plugins expect to be around them in livekit's own worker: an HTTP session of the job.

A plugin asks `livekit.agents.utils.http_context` for it, which looks into the context (PEP 567) of
the running task, and keeps what it gets. So the session must live as long as the plugin, and the
plugin's calls must begin in a context that has it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
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
        self._stack = AsyncExitStack()
        self._closed = False

    def run(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call something of the plugin, in a context of its own that has the session.

        What the call starts as tasks has it, too. Needs a running loop. Raises APIConnectionError
        after `aclose`.
        """
        return self._opened().copy().run(call, *args, **options)

    async def ask(
        self, call: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any
    ) -> T:
        """Run a coroutine function of the plugin in such a context, and wait for its result."""
        context = self._opened()
        coro = call(*args, **options)
        return await context.copy().run(self._owner.start, coro, name="call", report=False)

    def prewarm(self, call: Callable[[], Any]) -> None:
        """Call something that connects in the background; only where a loop runs."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # in a process that is still being prepared there is nothing to connect with
        if not self._closed:
            self.run(call)

    async def aclose(self) -> None:
        """Close the session. May be repeated."""
        self._closed = True
        await self._owner.cancel()
        if self._context is not None:
            context, self._context = self._context, None
            await context.run(self._owner.start, self._stack.aclose(), name="close", report=False)
        await self._owner.aclose()

    def _opened(self) -> contextvars.Context:
        if self._closed:
            raise APIConnectionError("the plugin is closed", retryable=False)
        if self._context is None:
            self._context = contextvars.copy_context()
            self._context.run(_finish_now, self._stack.enter_async_context(http_context.open()))
            job = get_job_context(required=False)
            if job is not None:
                job.add_shutdown_callback(self.aclose)
        return self._context


def _finish_now(coro: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that waits for nothing, as `http_context.open` until it is closed.

    Not as a task: what it sets in its context would be lost with the task's own copy, and whoever
    begins a call may be cancelled meanwhile.
    """
    try:
        coro.send(None)
    except StopIteration:
        return
    coro.close()
    raise RuntimeError("livekit's http_context.open() has to wait: not made for this version")
