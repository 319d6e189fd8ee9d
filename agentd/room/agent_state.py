"""What the agent is doing, for clients to show: the attribute `lk.agent.state`."""

from __future__ import annotations

import asyncio

from livekit import rtc

from agentd.aio.tasks import TaskOwner

ATTRIBUTE_AGENT_STATE = "lk.agent.state"

SEND_TIMEOUT = 5.0
"""Seconds for the server to take it; the next state tries anew."""


class AgentStateAttribute:
    """Publishes the latest state; what came while one was being sent is skipped."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._state = ""
        self._tasks = TaskOwner("agent state")
        self._sending: asyncio.Task[None] | None = None

    def publish(self, state: str) -> None:
        """Let everybody know."""
        self._state = state
        if self._sending is None or self._sending.done():
            self._sending = self._tasks.start(self._send(), name="send")

    async def aclose(self) -> None:
        """Publish nothing more. May be repeated."""
        await self._tasks.aclose()

    async def _send(self) -> None:
        sent = ""
        while sent != self._state and self._room.isconnected():
            sent = self._state
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    attributes = {ATTRIBUTE_AGENT_STATE: sent}
                    await self._room.local_participant.set_attributes(attributes)
            except (TimeoutError, AssertionError):  # the SDK asserts where the room is gone
                return
