"""The HTTP client that all plugins of a job share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from agentd.job.current import get_job_context

__all__ = ["http_session", "open"]


def http_session() -> aiohttp.ClientSession:
    """The job's, which is closed at its end. Raises NotInJob outside of one: use `open` there."""
    return get_job_context().http_session


@asynccontextmanager
async def open() -> AsyncIterator[aiohttp.ClientSession]:
    """A client for the block, outside of a job."""
    async with aiohttp.ClientSession() as session:
        yield session
