"""What is done in a room from outside, when its agent can't: look who is there, say farewell."""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec

from agentd.errors import RoomApiError, RoomGone
from agentd.protocol.job import JobAssignment

from .jobs import Job
from .roomapi import dispatch_of, room_of
from .seen import DispatchSeen, ParticipantSeen, RoomSeen
from .token import token_identity

logger = logging.getLogger("agentd.dispatch")

FAILED_TOPIC = "agentd.job_failed"
"""Topic of the data packet that tells the participants that a job has failed for good."""


class RoomCalls(Protocol):
    """The server API, as far as one room needs it. Each call has a deadline."""

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]: ...

    async def remove_participant(self, room_name: str, identity: str) -> None: ...

    async def send_data(self, room_name: str, topic: str, data: bytes) -> None: ...

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]: ...

    async def list_rooms(self) -> list[RoomSeen]: ...


class Rooms:
    """The rooms of our jobs, from outside."""

    def __init__(self, api: RoomCalls) -> None:
        self._api = api

    async def is_occupied(self, assignment: JobAssignment) -> bool:
        """Whether anybody but agents is in the job's room; True where that can't be found out."""
        try:
            there = await self._api.list_participants(assignment.room)
        except RoomGone:
            return False
        except RoomApiError as error:
            _warn_unknown(
                "who is in the room can't be found out; the job goes on", assignment, error
            )
            return True
        return any(not participant.is_agent for participant in there)

    async def is_wanted(self, job: Job) -> bool:
        """Whether the job's dispatch is still there; True where that can't be found out.

        A room that livekit-server has built anew, as after its restart, has forgotten its
        dispatches: that one is missing from it says nothing.
        """
        assert job.assignment is not None
        try:
            dispatches = await self._api.list_dispatches(job.room)
            if dispatch_of(job.assignment.job) in {dispatch.id for dispatch in dispatches}:
                return True
            sids = {room.sid for room in await self._api.list_rooms() if room.name == job.room}
            return bool(sids) and room_of(job.assignment.job) not in sids
        except RoomGone:
            return False
        except RoomApiError as error:
            what = "whether the job is still wanted can't be found out; it goes on"
            _warn_unknown(what, job.assignment, error)
            return True

    async def farewell(self, job: Job, why: str) -> None:
        """Tell the room of a job that failed for good, and take the dead agent out of it."""
        if job.assignment is None or job.assignment.fake:
            return
        identity = token_identity(job.assignment.token)
        message = msgspec.json.encode({"job": job.id, "identity": identity, "error": why})
        try:
            await self._api.send_data(job.room, FAILED_TOPIC, message)
            await self._api.remove_participant(job.room, identity)
        except RoomGone:
            return
        except RoomApiError as error:
            logger.warning(
                "the dead agent stays in its room until LiveKit notices",
                extra={
                    "action": "farewell_failed",
                    "job": job.id,
                    "room": job.room,
                    "reason": str(error),
                },
            )


def _warn_unknown(what: str, assignment: JobAssignment, error: RoomApiError) -> None:
    logger.warning(
        what,
        extra={
            "action": "room_unknown",
            "job": assignment.job_id,
            "room": assignment.room,
            "reason": str(error),
        },
    )
