"""Rooms, dispatches and participants as LiveKit's server API shows them: plain data."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

NEVER_AGAIN = 1
"""`JobRestartPolicy.JRP_NEVER`."""


class RoomSeen(Struct, frozen=True):
    """A room that is open."""

    sid: str
    name: str


class JobSeen(Struct, frozen=True, kw_only=True):
    """A job that LiveKit made of a dispatch, as the server remembers its beginning."""

    id: str
    identity: str = ""
    """Of the agent's participant; empty when the job was turned down for good."""
    started_at: float = 0.0
    """On the server's clock, seconds since the epoch: when it was offered."""
    ended: bool = False
    """Only ever true of a job that was turned down for good."""


class DispatchSeen(Struct, frozen=True, kw_only=True):
    """A dispatch, with everything that one made again must keep."""

    id: str
    room: str
    agent_name: str = ""
    metadata: str = ""
    attributes: dict[str, str] = {}
    deployment: str = ""
    restart_policy: int = 0
    created_at: float = 0.0
    """On the server's clock, seconds since the epoch."""
    jobs: tuple[JobSeen, ...] = ()

    @property
    def never_again(self) -> bool:
        """Whether a job of it that is lost must stay lost."""
        return self.restart_policy == NEVER_AGAIN


class ParticipantSeen(Struct, frozen=True, kw_only=True):
    """Somebody in a room."""

    identity: str
    is_agent: bool = False
    attributes: dict[str, str] = {}


class DispatchApi(Protocol):
    """The server API, as far as the reconciler needs it. Each call may raise RoomApiError."""

    async def list_rooms(self) -> list[RoomSeen]: ...

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]: ...

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]: ...

    async def delete_dispatch(self, room_name: str, dispatch_id: str) -> bool: ...

    async def create_dispatch(self, like: DispatchSeen) -> DispatchSeen: ...

    def server_time(self) -> float: ...
