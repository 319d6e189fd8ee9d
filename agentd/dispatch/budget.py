"""A bound on how often the server API is called: a token bucket, and the API behind it."""

from __future__ import annotations

import asyncio

from agentd.aio.timing import now

from .seen import DispatchApi, DispatchSeen, ParticipantSeen, RoomSeen


class TokenBucket:
    """So many a second on average, and up to a second's worth of them at once. Pure."""

    def __init__(self, rate: float) -> None:
        """`rate`: tokens a second, more than 0."""
        self._rate = rate
        self._earned_at = float("-inf")
        """When all tokens that were taken will have been earned."""

    def take(self, at: float) -> float:
        """Take a token at this instant; returns the seconds to wait before using it."""
        self._earned_at = max(self._earned_at, at - 1.0) + 1.0 / self._rate
        return max(0.0, self._earned_at - at)


class PacedApi:
    """A `DispatchApi` whose calls wait for their turn, and are counted."""

    def __init__(self, api: DispatchApi, rate: float) -> None:
        self._api = api
        self._bucket = TokenBucket(rate)
        self.calls = 0

    async def list_rooms(self) -> list[RoomSeen]:
        await self._turn()
        return await self._api.list_rooms()

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]:
        await self._turn()
        return await self._api.list_dispatches(room_name)

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]:
        await self._turn()
        return await self._api.list_participants(room_name)

    async def delete_dispatch(self, room_name: str, dispatch_id: str) -> bool:
        await self._turn()
        return await self._api.delete_dispatch(room_name, dispatch_id)

    async def create_dispatch(self, like: DispatchSeen) -> DispatchSeen:
        await self._turn()
        return await self._api.create_dispatch(like)

    def server_time(self) -> float:
        return self._api.server_time()

    async def _turn(self) -> None:
        self.calls += 1
        await asyncio.sleep(self._bucket.take(now()))
