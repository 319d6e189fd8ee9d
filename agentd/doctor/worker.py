"""A worker of the doctor's own: registers under a name that nobody dispatches to, and leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct, structs

from agentd.aio.timing import monotonic, wall_time
from agentd.dispatch.connection import Connection, LinkTimings, open_connection
from agentd.dispatch.messages import (
    Offered,
    Pong,
    Registered,
    offer_answer,
    ping,
    read_server_message,
    register_request,
)
from agentd.errors import ProtocolError
from agentd.protocol.app import AppInfo
from agentd.protocol.job import JobAnswer
from agentd.settings.model import LiveKitSettings

from .rooms import probe_name, probe_room

TIMINGS = LinkTimings(connect_timeout=3.0, register_timeout=3.0, close_timeout=0.5)


class WorkerFacts(Struct, frozen=True, kw_only=True):
    """A registration."""

    worker_id: str
    version: str
    protocol: int
    node_id: str
    region: str
    seconds: float


class ProbeWorker:
    """A registered worker that takes no job."""

    def __init__(self, connection: Connection, name: str, facts: WorkerFacts) -> None:
        self._connection = connection
        self.name = name
        self.facts = facts

    async def decline_offer(self) -> None:
        """Wait for an offer, and decline it for good."""
        while True:
            event = read_server_message(await self._connection.receive())
            if isinstance(event, Offered):
                answer = JobAnswer(accept=False, terminate=True)
                await self._connection.send(
                    offer_answer(event.offer.job_id, answer, agent_name=self.name)
                )
                return


@asynccontextmanager
async def registered_worker(livekit: LiveKitSettings) -> AsyncIterator[ProbeWorker]:
    """Register for the length of a block.

    Raises LiveKitRefused, LiveKitUnreachable, ChannelBroken or ProtocolError.
    """
    name = probe_name("worker")
    began_at = monotonic()
    # Its own proxy and address, and nothing else of the settings: no name, no deployment.
    async with open_connection(structs.replace(livekit, agent_name=name), TIMINGS) as connection:
        await connection.send(register_request(AppInfo(), agent_name=name, deployment=""))
        event = read_server_message(await connection.receive())
        if not isinstance(event, Registered):
            raise ProtocolError(f"LiveKit's first message was '{type(event).__name__}'")
        # Dispatches reach a worker only once the server has answered its next message.
        await connection.send(ping(int(wall_time() * 1000)))
        while not isinstance(read_server_message(await connection.receive()), Pong):
            pass
        yield ProbeWorker(
            connection,
            name,
            WorkerFacts(
                worker_id=event.worker_id,
                version=event.version,
                protocol=event.protocol,
                node_id=event.node_id,
                region=event.region,
                seconds=monotonic() - began_at,
            ),
        )


async def dispatch_round_trip(livekit: LiveKitSettings, timeout: float) -> float:
    """Seconds from a dispatch to its offer; raises TimeoutError, and what the parts raise."""
    async with registered_worker(livekit) as worker:
        began_at = monotonic()
        async with probe_room(livekit, probe_name("dispatch"), agent_name=worker.name):
            async with asyncio.timeout(timeout):
                await worker.decline_offer()
            return monotonic() - began_at
