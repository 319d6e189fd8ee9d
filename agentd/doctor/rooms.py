"""Rooms of the doctor's own: made for one probe, kept free of others' agents, and deleted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import aiohttp
from livekit import api
from livekit.api.room_service import RoomService

from agentd.errors import LiveKitUnreachable
from agentd.settings.model import LiveKitSettings

CALL_SECONDS = 3.0
DELETE_SECONDS = 1.0
EMPTY_SECONDS = 10
"""The server's own clearing up, where deleting does not come to pass."""

TOKEN_LIFE = timedelta(minutes=5)

PREFIX = "agentd-doctor-"

NOBODY = f"{PREFIX}nobody"
"""A room that names an agent gets no other: a worker without a name is not sent to it."""


def probe_name(purpose: str) -> str:
    """A name that nobody else has."""
    return f"{PREFIX}{purpose}-{secrets.token_hex(4)}"


def probe_token(livekit: LiveKitSettings, room: str, identity: str) -> str:
    """Lets a probe's participant into its room."""
    token = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity(identity)
    grants = api.VideoGrants(room_join=True, room=room, hidden=False)
    return token.with_grants(grants).with_ttl(TOKEN_LIFE).to_jwt()


@asynccontextmanager
async def probe_room(
    livekit: LiveKitSettings, name: str, *, agent_name: str = NOBODY
) -> AsyncIterator[str]:
    """A room for the length of a block; raises LiveKitUnreachable, or the SDK's TwirpError."""
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, proxy=livekit.http_proxy or None) as http:
        # The SDK's own tries at other servers would outlast the check.
        rooms = RoomService(http, livekit.url, livekit.api_key, livekit.api_secret, failover=False)
        request = api.CreateRoomRequest(
            name=name,
            empty_timeout=EMPTY_SECONDS,
            departure_timeout=EMPTY_SECONDS,
            max_participants=4,
            agents=[api.RoomAgentDispatch(agent_name=agent_name)],
        )
        try:
            await rooms.create_room(request)
        except (aiohttp.ClientError, OSError) as error:
            raise LiveKitUnreachable(f"a room could not be made: {error}") from error
        try:
            yield name
        finally:
            # The server empties it in any case; what goes wrong here harms nobody.
            with suppress(api.TwirpError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(DELETE_SECONDS):
                    await rooms.delete_room(api.DeleteRoomRequest(room=name))
