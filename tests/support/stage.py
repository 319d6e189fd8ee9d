"""A room on a server, with callers who join it and jobs that run in it, all in this process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

from livekit import api, rtc
from livekit.protocol import agent, models

from agentd.app.server import AgentServer
from agentd.job.context import JobContext
from agentd.job.listener import Nobody
from agentd.job.process import JobProcess
from agentd.job.run import ShutdownRequest, run_job
from agentd.protocol.frames import ChildConfig
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer, JobAssignment, JobOutcome

DEADLINE = 15.0
"""Seconds that a job may take."""

SAMPLE_RATE = 48000


class Server(Protocol):
    """Where a LiveKit server is, and what opens it."""

    @property
    def url(self) -> str: ...

    @property
    def api_key(self) -> str: ...

    @property
    def api_secret(self) -> str: ...


class Stage:
    """A room of its own on the server, with callers who join it and jobs that run in it."""

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self.url = server.url
        """Where the job's room is."""
        self.room = f"room-{uuid.uuid4().hex[:8]}"

    def token(self, identity: str, *, kind: api.AccessToken.ParticipantKind = "standard") -> str:
        token = api.AccessToken(self._server.api_key, self._server.api_secret)
        grants = api.VideoGrants(room_join=True, room=self.room)
        return token.with_identity(identity).with_grants(grants).with_kind(kind).to_jwt()

    async def caller(self, identity: str) -> rtc.Room:
        """Somebody who joins, and leaves when the test is over."""
        room = rtc.Room()
        await room.connect(self._server.url, self.token(identity))
        self._stack.push_async_callback(room.disconnect)
        return room

    async def speaker(self, identity: str) -> rtc.Room:
        """A caller with a microphone: the server announces it at once.

        Of those who publish nothing it tells the others in batches, every 3 s.
        """
        room = await self.caller(identity)
        await publish_audio(room)
        return room

    async def run(self, entrypoint: Callable[[JobContext], Awaitable[None]]) -> JobOutcome:
        """Run a job in the room to its outcome."""
        app = AgentServer()
        app.rtc_session(entrypoint)
        config = ChildConfig(
            livekit_url=self._server.url,
            api_key=self._server.api_key,
            api_secret=self._server.api_secret,
            entrypoint_timeout=1.0,
        )
        async with asyncio.timeout(DEADLINE):
            return await run_job(
                app,
                self._assignment(),
                JobProcess(),
                config,
                shutdown=ShutdownRequest(),
                listener=Nobody(),
            )

    def _assignment(self) -> JobAssignment:
        job = agent.Job(id="AJ_1", room=models.Room(name=self.room), agent_name="parrot")
        return JobAssignment(
            job_id=JobId(job.id),
            job=job.SerializeToString(),
            room=self.room,
            url=self.url,
            token=self.token("agent-AJ_1", kind="agent"),
            worker_id="AW_1",
            answer=JobAnswer(accept=True, identity="agent-AJ_1"),
        )


async def publish_audio(room: rtc.Room) -> None:
    source = rtc.AudioSource(SAMPLE_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await room.local_participant.publish_track(track)
