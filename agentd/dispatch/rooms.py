"""What is done in a room from outside, when its agent can't: look who is there, say farewell."""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec

from agentd.errors import RoomApiError, RoomGone

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

    async def find_room(self, room_name: str) -> RoomSeen | None: ...


class Rooms:
    """The rooms of our jobs, from outside."""

    def __init__(self, api: RoomCalls) -> None:
        self._api = api

    async def why_over(self, job: Job) -> str:
        """Why nobody waits for a job's agent any more; empty where somebody does.

        Also where that can't be found out: in doubt the call goes on.
        """
        if job.fake:
            return "it was a simulation, in which nobody waits"
        try:
            there = await self._api.list_participants(job.room)
            if all(participant.is_agent for participant in there):
                return "its room is empty"
            return "" if await self._has_dispatch(job) else "its dispatch is gone"
        except RoomGone:
            return "its room is gone"
        except RoomApiError as error:
            _warn_unknown(job, error)
            return ""

    async def is_wanted(self, job: Job) -> bool:
        """Whether the job's dispatch is still there; True where that can't be found out."""
        try:
            return await self._has_dispatch(job)
        except RoomGone:
            return False
        except RoomApiError as error:
            _warn_unknown(job, error)
            return True

    async def _has_dispatch(self, job: Job) -> bool:
        """Also in a room that livekit-server has built anew, as after its restart.

        That has forgotten its dispatches: that one is missing from it says nothing.
        """
        assert job.assignment is not None
        dispatches = await self._api.list_dispatches(job.room)
        if dispatch_of(job.assignment.job) in {dispatch.id for dispatch in dispatches}:
            return True
        found = await self._api.find_room(job.room)
        return found is not None and found.sid != room_of(job.assignment.job)

    async def farewell(self, job: Job, why: str) -> None:
        """Tell the room of a job that failed for good, and take the dead agent out of it."""
        if job.assignment is None or job.fake:
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


def _warn_unknown(job: Job, error: RoomApiError) -> None:
    logger.warning(
        "whether the job is still wanted can't be found out; it goes on",
        extra={
            "action": "room_unknown",
            "job": job.id,
            "room": job.room,
            "reason": str(error),
        },
    )
