"""A worker of nothing but the agent protocol: what a dispatch costs inside the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from livekit import api
from livekit.protocol import agent

from .bench import Bench

REGISTER_TIMEOUT = 10.0


class BareWorker:
    """Says yes to every offer and notes when offer and assignment came, by room."""

    def __init__(self, name: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.agent = name
        self.offered_at: dict[str, int] = {}
        """CLOCK_MONOTONIC, in nanoseconds."""
        self.assigned_at: dict[str, int] = {}
        self.registered = asyncio.Event()
        self._socket = socket
        self._news = asyncio.Event()

    async def wait_assigned(self, room: str, timeout: float) -> None:
        """Wait until the job of that room has come; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while room not in self.assigned_at:
                self._news.clear()
                await self._news.wait()

    async def run(self) -> None:
        """Register and answer until the socket is closed."""
        register = agent.RegisterWorkerRequest(
            type=agent.JT_ROOM, agent_name=self.agent, version="bare"
        )
        await self._say(agent.WorkerMessage(register=register))
        async for message in self._socket:
            at = time.monotonic_ns()
            await self._handle(agent.ServerMessage.FromString(message.data), at)

    async def _handle(self, message: agent.ServerMessage, at: int) -> None:
        match message.WhichOneof("message"):
            case "register":
                self.registered.set()
            case "availability":
                job = message.availability.job
                self.offered_at[job.room.name] = at
                yes = agent.AvailabilityResponse(
                    job_id=job.id, available=True, participant_identity=f"agent-{job.id}"
                )
                await self._say(agent.WorkerMessage(availability=yes))
            case "assignment":
                job = message.assignment.job
                self.assigned_at[job.room.name] = at
                self._news.set()
                done = agent.UpdateJobStatus(job_id=job.id, status=agent.JS_SUCCESS)
                await self._say(agent.WorkerMessage(update_job=done))

    async def _say(self, message: agent.WorkerMessage) -> None:
        await self._socket.send_bytes(message.SerializeToString())


@asynccontextmanager
async def bare_worker(bench: Bench) -> AsyncIterator[BareWorker]:
    """A registered bare worker."""
    server = bench.server
    token = api.AccessToken(server.api_key, server.api_secret)
    token = token.with_grants(api.VideoGrants(agent=True))
    headers = {"Authorization": f"Bearer {token.to_jwt()}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.url}/agent", headers=headers) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        worker = BareWorker("bare", socket)
        running = tasks.create_task(worker.run())
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT):
                await worker.registered.wait()
            yield worker
        finally:
            running.cancel()
