"""Dispatches and rooms, through LiveKit's server API."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api
from livekit.protocol import models

from .bench import Bench

_numbers = itertools.count(1)


def new_room() -> str:
    """A name that no room has."""
    return f"bench-{os.getpid()}-{next(_numbers)}"


class Rooms:
    """What the benchmarks ask of the server."""

    def __init__(self, lk: api.LiveKitAPI) -> None:
        self._lk = lk

    async def dispatch(self, agent: str, room: str, metadata: str = "") -> int:
        """Dispatch an agent; returns the CLOCK_MONOTONIC nanoseconds of the moment before."""
        asked_at = time.monotonic_ns()
        request = api.CreateAgentDispatchRequest(agent_name=agent, room=room, metadata=metadata)
        await self._lk.agent_dispatch.create_dispatch(request)
        return asked_at

    async def has_agent(self, room: str) -> bool:
        """Whether an agent is in the room."""
        found = await self._lk.room.list_participants(api.ListParticipantsRequest(room=room))
        return any(one.kind == models.ParticipantInfo.AGENT for one in found.participants)

    async def delete(self, room: str) -> None:
        """End the room, and with it its job."""
        await self._lk.room.delete_room(api.DeleteRoomRequest(room=room))


@asynccontextmanager
async def open_rooms(bench: Bench) -> AsyncIterator[Rooms]:
    """The API of the run's server."""
    server = bench.server
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lk:
        yield Rooms(lk)
