"""/healthz of a daemon under test, asked as a monitor asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from .daemon import DEADLINE, Daemon

Answer = tuple[int, dict[str, Any]]


async def healthz(daemon: Daemon) -> Answer:
    """What /healthz says now."""
    url = (await daemon.wait_for(action="http_listening"))["url"]
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def healthz_until(daemon: Daemon, wanted: Callable[[Answer], bool]) -> Answer:
    """Ask until the answer is the one that is waited for."""
    async with asyncio.timeout(DEADLINE):
        while not wanted(answer := await healthz(daemon)):  # noqa: ASYNC110 - a monitor polls
            await asyncio.sleep(0.05)
    return answer


def is_well(answer: Answer) -> bool:
    """Healthy, with a warm child."""
    return answer[0] == 200 and answer[1]["idle"] > 0
