"""LiveKit's server API as far as the supervisor needs it: rooms, participants, dispatches.

Every call has a deadline and ends in one of three ways: an answer, `RoomGone`, or
`RoomApiError`. Like `messages`, this lets no protobuf message out.

livekit.api is in memory anyway (the link signs its token with it), so that the services
here cost nothing more: 0.0 MB (measured, livekit-api 1.2). The session is opened by the first call.
"""

from __future__ import annotations

from collections.abc import Awaitable
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
from google.protobuf.message import DecodeError
from livekit.api.agent_dispatch_service import AgentDispatchService
from livekit.api.room_service import RoomService
from livekit.api.twirp_client import ServerError, ServerErrorCode
from livekit.protocol import agent, agent_dispatch, models, room

from agentd.aio.timing import now, wall_time, within
from agentd.errors import RoomApiError, RoomGone, RoomRefused
from agentd.settings.model import LiveKitSettings

from .seen import DispatchSeen, JobSeen, ParticipantSeen, RoomSeen
from .serverclock import ServerClock

CALL_TIMEOUT = 5.0
"""Seconds for one call. The server itself gives up on a room that it can't reach after 3 s."""

NANOSECOND = 1e-9

_OURS = (ServerErrorCode.INVALID_ARGUMENT, ServerErrorCode.MALFORMED, ServerErrorCode.OUT_OF_RANGE)
"""Codes of what is wrong with a request, not with the server."""

T = TypeVar("T")


class RoomApi:
    """The API of a real server. Use it on one event loop, and `aclose` it."""

    def __init__(self, settings: LiveKitSettings, *, timeout: float = CALL_TIMEOUT) -> None:
        self._settings = settings
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._services: tuple[RoomService, AgentDispatchService] | None = None
        self._clock = ServerClock()

    async def aclose(self) -> None:
        """Close the connections to the server. May be repeated; a later call opens them again."""
        session, self._session, self._services = self._session, None, None
        if session is not None:
            await session.close()

    def server_time(self) -> float:
        """Seconds since the epoch on the server's clock; our own clock before the first answer."""
        return self._clock.at(wall_time())

    # -- rooms and participants ------------------------------------------------------

    async def list_rooms(self) -> list[RoomSeen]:
        """All open rooms. The server has no pages for them: a room takes about 300 bytes."""
        answer = await self._call(self._rooms.list_rooms(room.ListRoomsRequest()))
        return [RoomSeen(each.sid, each.name) for each in answer.rooms]

    async def find_room(self, room_name: str) -> RoomSeen | None:
        """The open room of that name, if there is one."""
        answer = await self._call(self._rooms.list_rooms(room.ListRoomsRequest(names=[room_name])))
        return next((RoomSeen(each.sid, each.name) for each in answer.rooms), None)

    async def list_participants(self, room_name: str) -> list[ParticipantSeen]:
        """Who is in a room, ghosts included; nobody if there is no such room."""
        request = room.ListParticipantsRequest(room=room_name)
        answer = await self._call(self._rooms.list_participants(request))
        return [_participant(each) for each in answer.participants]

    async def remove_participant(self, room_name: str, identity: str) -> None:
        """Put somebody out of a room, a ghost for one; raises RoomGone if nobody is there."""
        request = room.RoomParticipantIdentity(room=room_name, identity=identity)
        await self._call(self._rooms.remove_participant(request))

    async def send_data(self, room_name: str, topic: str, data: bytes) -> None:
        """Send everybody in a room a reliable data packet."""
        request = room.SendDataRequest(
            room=room_name, topic=topic, data=data, kind=models.DataPacket.RELIABLE
        )
        await self._call(self._rooms.send_data(request))

    # -- dispatches --------------------------------------------------------------------

    async def list_dispatches(self, room_name: str) -> list[DispatchSeen]:
        """All dispatches of a room, whatever their agent; RoomGone comes after 3 s only."""
        return [
            _dispatch(each) for each in await self._call(self._dispatch.list_dispatch(room_name))
        ]

    async def delete_dispatch(self, room_name: str, dispatch_id: str) -> bool:
        """Delete a dispatch; says whether it was us. The server ends its job if one runs."""
        try:
            await self._call(self._dispatch.delete_dispatch(dispatch_id, room_name))
        except RoomGone:
            return False
        return True

    async def dispatch_agent(self, room_name: str, agent_name: str, metadata: str) -> DispatchSeen:
        """Have an agent come to a room. Makes the room if there is none."""
        request = agent_dispatch.CreateAgentDispatchRequest(
            room=room_name, agent_name=agent_name, metadata=metadata
        )
        return _dispatch(await self._call(self._dispatch.create_dispatch(request)))

    async def create_dispatch(self, like: DispatchSeen) -> DispatchSeen:
        """Make a dispatch with all that another has but its id. Makes the room if it is gone."""
        request = agent_dispatch.CreateAgentDispatchRequest(
            room=like.room,
            agent_name=like.agent_name,
            metadata=like.metadata,
            attributes=like.attributes,
            deployment=like.deployment,
            restart_policy=agent_dispatch.JobRestartPolicy.Name(like.restart_policy),
        )
        return _dispatch(await self._call(self._dispatch.create_dispatch(request)))

    # -- inside --------------------------------------------------------------------------

    @property
    def _rooms(self) -> RoomService:
        return self._open()[0]

    @property
    def _dispatch(self) -> AgentDispatchService:
        return self._open()[1]

    def _open(self) -> tuple[RoomService, AgentDispatchService]:
        if self._services is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_start.append(_note_start)
            trace.on_request_end.append(self._learn_clock)
            settings = self._settings
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                proxy=settings.http_proxy or None,
                trace_configs=[trace],
            )
            access = (self._session, settings.url, settings.api_key, settings.api_secret)
            # The SDK's own retries would go past our rate and our backoff.
            self._services = (
                RoomService(*access, failover=False),
                AgentDispatchService(*access, failover=False),
            )
        return self._services

    async def _call(self, call: Awaitable[T]) -> T:
        try:
            return await within(now() + self._timeout, call)
        except ServerError as error:
            raise _translated(error) from error
        except TimeoutError as error:  # an OSError too, so it comes first
            raise RoomApiError(f"no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, DecodeError, OSError) as error:
            raise RoomApiError(f"{type(error).__name__}: {error}") from error

    async def _learn_clock(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        del session
        try:
            date = parsedate_to_datetime(params.response.headers.get("Date", "")).timestamp()
        except ValueError:
            return  # a proxy left it out
        self._clock.learn(date, sent=context.sent, received=wall_time())


async def _note_start(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestStartParams,
) -> None:
    del session, params
    context.sent = wall_time()


def _translated(error: ServerError) -> RoomApiError:
    text = f"{error.code}: {error.message}"
    # A room that no node holds: livekit-server says so by "unavailable: no response from servers".
    gone = error.code == ServerErrorCode.NOT_FOUND or "no response from servers" in error.message
    if error.code in _OURS:
        return RoomRefused(text)
    return RoomGone(text) if gone else RoomApiError(text)


def _participant(info: models.ParticipantInfo) -> ParticipantSeen:
    return ParticipantSeen(
        identity=info.identity,
        is_agent=info.kind == models.ParticipantInfo.AGENT,
        attributes=dict(info.attributes),
    )


def _dispatch(message: agent_dispatch.AgentDispatch) -> DispatchSeen:
    return DispatchSeen(
        id=message.id,
        room=message.room,
        agent_name=message.agent_name,
        metadata=message.metadata,
        attributes=dict(message.attributes),
        deployment=message.deployment,
        restart_policy=message.restart_policy,
        created_at=message.state.created_at * NANOSECOND,
        jobs=tuple(_job(job) for job in message.state.jobs),
    )


def _job(job: agent.Job) -> JobSeen:
    state = job.state
    return JobSeen(
        id=job.id,
        identity=state.participant_identity,
        started_at=state.started_at * NANOSECOND,
        ended=bool(state.ended_at) or state.status in (agent.JS_SUCCESS, agent.JS_FAILED),
    )


def dispatch_of(job: bytes) -> str:
    """Id of the dispatch that a job (`livekit.protocol.agent.Job`, serialized) was made of.

    Empty for a job that came of none, or bytes that are no job.
    """
    return _parsed(job).dispatch_id


def room_of(job: bytes) -> str:
    """The sid of the room that a job was made for; empty for bytes that are no job."""
    return _parsed(job).room.sid


def _parsed(job: bytes) -> agent.Job:
    """The job; an empty one for bytes that are none."""
    try:
        return agent.Job.FromString(job)
    except DecodeError:
        return agent.Job()
