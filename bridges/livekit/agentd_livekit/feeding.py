"""A stream of livekit's that is fed while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from agentd.aio.tasks import TaskOwner


async def read_while_feeding(
    stream: Any, feed: Coroutine[Any, Any, None], *, name: str
) -> AsyncGenerator[Any]:
    """What a stream tells, while `feed` runs beside; both are over when this is closed."""
    owner = TaskOwner(name)
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(stream)
        closing.push_async_callback(owner.aclose)  # first: nothing is fed to a closed stream
        owner.start(feed, name="feed")
        async for event in stream:
            yield event
