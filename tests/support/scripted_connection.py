"""A connection without a socket, for the link's timing on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit.protocol import agent

from agentd.dispatch.connection import LinkTimings
from agentd.errors import AgentdError, ChannelBroken, LiveKitUnreachable
from agentd.settings.model import LiveKitSettings

REGISTERED = agent.ServerMessage(
    register=agent.RegisterWorkerResponse(worker_id="AW_scripted")
).SerializeToString()
PONG = agent.ServerMessage(pong=agent.WorkerPong()).SerializeToString()


class ScriptedConnection:
    """Registers and answers pings until it is told to break or to fall silent."""

    def __init__(self) -> None:
        self.sent: list[agent.WorkerMessage] = []
        self.answers_pings = True
        self.takes_messages = True
        self._incoming: asyncio.Queue[bytes | AgentdError] = asyncio.Queue()

    def break_off(self) -> None:
        """The connection is lost."""
        self._incoming.put_nowait(ChannelBroken("the script broke it"))

    def tell(self, message: agent.ServerMessage) -> None:
        """The server says something."""
        self._incoming.put_nowait(message.SerializeToString())

    def kinds(self) -> list[str | None]:
        """The kinds of messages that were sent."""
        return [message.WhichOneof("message") for message in self.sent]

    async def send(self, data: bytes) -> None:
        if not self.takes_messages:
            await asyncio.Event().wait()
        message = agent.WorkerMessage.FromString(data)
        self.sent.append(message)
        match message.WhichOneof("message"):
            case "register":
                self._incoming.put_nowait(REGISTERED)
            case "ping" if self.answers_pings:
                self._incoming.put_nowait(PONG)

    async def receive(self) -> bytes:
        item = await self._incoming.get()
        if isinstance(item, AgentdError):
            raise item
        return item


class ScriptedServer:
    """Answers each attempt by its script; when the script is over, nothing answers any more."""

    def __init__(self, *script: AgentdError | float) -> None:
        self._script = list(script)
        self.attempts_at: list[float] = []
        self.connections: list[ScriptedConnection] = []

    @asynccontextmanager
    async def dial(
        self, settings: LiveKitSettings, timings: LinkTimings
    ) -> AsyncIterator[ScriptedConnection]:
        """One attempt: an error is raised, a number is how long the connection lasts."""
        loop = asyncio.get_running_loop()
        self.attempts_at.append(loop.time())
        if not self._script:
            raise LiveKitUnreachable("the script is over")
        step = self._script.pop(0)
        if isinstance(step, AgentdError):
            raise step
        connection = ScriptedConnection()
        self.connections.append(connection)
        timer = None if step == float("inf") else loop.call_later(step, connection.break_off)
        try:
            yield connection
        finally:
            if timer is not None:
                timer.cancel()
