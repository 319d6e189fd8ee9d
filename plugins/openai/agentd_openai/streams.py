"""Reading the SDK's streams so that nothing of them is left, however they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx2
import openai

EventT = TypeVar("EventT")


@asynccontextmanager
async def reading(stream: openai.AsyncStream[EventT]) -> AsyncIterator[None]:
    """A block that reads a stream by `anext`. If it does not get to the end of it, the connection
    is closed.

    The SDK reads by generators within each other. Python would close those that nobody holds by a
    task of its own at some later time; read on, they end here: of a closed connection there is no
    more than what was received before. `async for` would add one more.
    """
    try:
        yield
    finally:
        await stream.close()
        try:
            while await anext(stream, None) is not None:
                pass
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError):
            pass  # it is closed, and says so
