"""A `LinkHandler` that remembers what it was told, for tests to wait on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentd.dispatch.link import Link
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobOffer

Event = tuple[str | JobId | JobOffer | bytes, ...]

DEADLINE = 20.0
"""Seconds that a test waits for something to happen. livekit-server takes up to 5 s to terminate
the job of a deleted dispatch: it first waits for its own question to all nodes to time out."""


class RecordingHandler:
    """Every call is one event: its name, then its arguments."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    async def next(self, name: str) -> Event:
        """The next event of this name that no call returned yet; those before it are passed by."""
        async with asyncio.timeout(DEADLINE):
            while True:
                event = await self._queue.get()
                if event[0] == name:
                    return event

    async def next_offer(self) -> JobOffer:
        """The next offer."""
        offer = (await self.next("offer"))[1]
        assert isinstance(offer, JobOffer)
        return offer

    def names(self) -> list[object]:
        """The names of all events so far."""
        return [event[0] for event in self.events]

    def handle_registered(self, worker_id: str) -> None:
        self._note("registered", worker_id)

    def handle_disconnected(self) -> None:
        self._note("disconnected")

    def handle_offer(self, offer: JobOffer) -> None:
        self._note("offer", offer)

    def handle_assignment(self, job_id: JobId, job: bytes, room: str, url: str, token: str) -> None:
        self._note("assignment", job_id, job, room, url, token)

    def handle_termination(self, job_id: JobId) -> None:
        self._note("termination", job_id)

    def _note(self, *event: str | JobId | JobOffer | bytes) -> None:
        self.events.append(event)
        self._queue.put_nowait(event)


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[asyncio.Task[None]]:
    """Run a link for the length of a block; its task is there for who expects it to end."""
    task = asyncio.create_task(link.run())
    try:
        yield task
    finally:
        await link.aclose()
        await asyncio.wait([task])
