"""A LiveKit server's rooms and dispatches in memory, on the loop's clock, that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec import structs

from agentd.aio.timing import now
from agentd.dispatch.seen import DispatchSeen, JobSeen, ParticipantSeen, RoomSeen
from agentd.errors import RoomApiError, RoomGone


class ScriptedRooms:
    """A `DispatchApi`. `calls` is what was asked: (instant, call, room or id)."""

    def __init__(self, *, call_takes: float = 0.0) -> None:
        self.calls: list[tuple[float, str, str]] = []
        self.dispatches: dict[str, DispatchSeen] = {}
        self.rooms: set[str] = set()
        self.people: dict[str, list[str]] = {}
        """Agents by room."""
        self.failures: dict[str, list[Exception]] = {}
        """By call: what its next ones raise before they do anything."""
        self.failures_after: dict[str, list[Exception]] = {}
        """The same, after they have done what they were asked to."""
        self.made_in: list[str] = []
        """The rooms in which dispatches were made again."""
        self.asked_next = asyncio.Event()
        """Set by every call."""
        self._call_takes = call_takes
        self._made = 0

    # -- what the test does ------------------------------------------------------------

    def add(
        self,
        room: str,
        *,
        agent_name: str = "bot",
        metadata: str = "",
        jobs: tuple[JobSeen, ...] = (),
        created_at: float | None = None,
    ) -> str:
        """A dispatch in a room; returns its id."""
        self._made += 1
        dispatch = DispatchSeen(
            id=f"AD_{self._made}",
            room=room,
            agent_name=agent_name,
            metadata=metadata,
            created_at=now() if created_at is None else created_at,
            jobs=jobs,
        )
        self.rooms.add(room)
        self.dispatches[dispatch.id] = dispatch
        return dispatch.id

    def made(self) -> list[float]:
        """When dispatches were made again."""
        return [at for at, call, _ in self.calls if call == "create"]

    def asked(self, call: str) -> list[float]:
        """When such calls came."""
        return [at for at, each, _ in self.calls if each == call]

    # -- the API -----------------------------------------------------------------------

    async def list_rooms(self) -> list[RoomSeen]:
        await self._call("rooms", "")
        return [RoomSeen(f"RM_{name}", name) for name in sorted(self.rooms)]

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]:
        await self._call("dispatches", room_name)
        if room_name not in self.rooms:
            raise RoomGone("no response from servers")
        return [each for each in self.dispatches.values() if each.room == room_name]

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]:
        await self._call("participants", room_name)
        agents = [
            ParticipantSeen(identity=each, is_agent=True) for each in self.people.get(room_name, [])
        ]
        return [ParticipantSeen(identity="caller"), *agents]

    async def delete_dispatch(self, room_name: str, dispatch_id: str) -> bool:
        await self._call("delete", dispatch_id)
        was_there = self.dispatches.pop(dispatch_id, None) is not None
        self._raise_next(self.failures_after, "delete")
        return was_there

    async def create_dispatch(self, like: DispatchSeen) -> DispatchSeen:
        await self._call("create", like.id)
        self.made_in.append(like.room)
        new = self.add(like.room, agent_name=like.agent_name, metadata=like.metadata)
        self._raise_next(self.failures_after, "create")
        return structs.replace(self.dispatches[new])

    def server_time(self) -> float:
        return now()

    async def _call(self, call: str, about: str) -> None:
        self.calls.append((now(), call, about))
        self.asked_next.set()
        await asyncio.sleep(self._call_takes)
        self._raise_next(self.failures, call)

    def _raise_next(self, failures: Mapping[str, list[Exception]], call: str) -> None:
        if failures.get(call):
            raise failures[call].pop(0)


def broken(count: int) -> list[Exception]:
    """So many failures of the API."""
    return [RoomApiError("unavailable: try later") for _ in range(count)]
