"""Calls to LiveKit's server API on behalf of a job."""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

import aiohttp
from livekit import api, rtc

from agentd.aio.tasks import TaskOwner
from agentd.errors import JobError
from agentd.protocol.frames import ChildConfig

logger = logging.getLogger("agentd.job")

T = TypeVar("T")

REQUEST_TIMEOUT = 10.0
"""Seconds for one request to the server's API, as in LiveKit's SDK."""

SIP = rtc.ParticipantKind.PARTICIPANT_KIND_SIP


class ServerCalls:
    """The server API's client, made on first use, and the calls that JobContext offers.

    Each call is a task: it goes on if nobody awaits it, and its failure is logged then too.
    In a fake job no call is made.
    """

    def __init__(self, config: ChildConfig, *, room: str, fake: bool) -> None:
        self._config = config
        self._room = room
        self._fake = fake
        self._session: aiohttp.ClientSession | None = None
        self._client: api.LiveKitAPI | None = None
        self._tasks = TaskOwner("server call")

    @property
    def client(self) -> api.LiveKitAPI:
        """The client; raises JobError without an address, key and secret."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> api.LiveKitAPI:
        config = self._config
        if not (config.livekit_url and config.api_key and config.api_secret):
            raise JobError(
                "the server's API can't be used without LIVEKIT_URL, LIVEKIT_API_KEY and "
                "LIVEKIT_API_SECRET: set them"
            )
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT), proxy=config.http_proxy or None
        )
        return api.LiveKitAPI(
            config.livekit_url, config.api_key, config.api_secret, session=self._session
        )

    def delete_room(self, name: str | None) -> asyncio.Task[api.DeleteRoomResponse]:
        """Delete a room, by default the job's. A room that is gone already is no error."""
        if self._fake:
            return self._skip("delete_room", api.DeleteRoomResponse())
        return self._tasks.start(self._delete_room(name or self._room), name="delete_room")

    async def _delete_room(self, name: str) -> api.DeleteRoomResponse:
        try:
            return await self.client.room.delete_room(api.DeleteRoomRequest(room=name))
        except api.ServerError as error:
            if error.code != api.ServerErrorCode.NOT_FOUND:
                self._warn_not_deleted(name, error)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._warn_not_deleted(name, error)
        return api.DeleteRoomResponse()

    def _warn_not_deleted(self, name: str, error: Exception) -> None:
        logger.warning(
            "the room could not be deleted; it closes by itself when everybody has left",
            extra={"action": "delete_room_failed", "room": name, "error": str(error)},
        )

    def add_sip_participant(
        self, *, call_to: str, trunk_id: str, identity: str, name: str
    ) -> asyncio.Task[api.SIPParticipantInfo]:
        """Call somebody by SIP into the job's room."""
        if self._fake:
            return self._skip("add_sip_participant", api.SIPParticipantInfo())
        request = api.CreateSIPParticipantRequest(
            room_name=self._room,
            participant_identity=identity,
            participant_name=name,
            sip_trunk_id=trunk_id,
            sip_call_to=call_to,
        )
        return self._tasks.start(self._add_sip(request), name="add_sip_participant")

    async def _add_sip(self, request: api.CreateSIPParticipantRequest) -> api.SIPParticipantInfo:
        return await self.client.sip.create_sip_participant(request)

    def transfer_sip_participant(
        self, participant: rtc.RemoteParticipant | str, transfer_to: str, *, play_dialtone: bool
    ) -> asyncio.Task[api.TransferSIPParticipantResponse]:
        """Transfer a SIP participant to another number; raises JobError for another kind."""
        if self._fake:
            return self._skip("transfer_sip_participant", api.TransferSIPParticipantResponse())
        request = api.TransferSIPParticipantRequest(
            room_name=self._room,
            participant_identity=_sip_identity(participant),
            transfer_to=transfer_to,
            play_dialtone=play_dialtone,
        )
        return self._tasks.start(self._transfer_sip(request), name="transfer_sip_participant")

    async def _transfer_sip(
        self, request: api.TransferSIPParticipantRequest
    ) -> api.TransferSIPParticipantResponse:
        return await self.client.sip.transfer_sip_participant(request)

    def _skip(self, call: str, answer: T) -> asyncio.Task[T]:
        logger.warning(
            "there is no room behind a fake job: the call was not made",
            extra={"action": "fake_job_call_skipped", "call": call},
        )
        return self._tasks.start(_answer(answer), name=call)

    async def aclose(self) -> None:
        """Wait for the calls under way, each bounded by REQUEST_TIMEOUT, and close the client."""
        await self._tasks.wait()
        if self._session is not None:
            await self._session.close()


async def _answer(answer: T) -> T:
    return answer


def _sip_identity(participant: rtc.RemoteParticipant | str) -> str:
    if isinstance(participant, str):
        return participant
    if participant.kind != SIP:
        raise JobError(
            f"the participant '{participant.identity}' is not a SIP participant, so it can't be "
            f"transferred"
        )
    return participant.identity
