"""What a link and a LiveKit server owe each other, run against the fake and the real one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Protocol

import pytest
from livekit.protocol import agent

from agentd.dispatch.link import SETTLE_TIME, Link
from agentd.dispatch.load import WorkerReport, decide_report
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer
from agentd.settings.model import LiveKitSettings

from .recording_handler import RecordingHandler, running

ACCEPT = JobAnswer(
    accept=True, name="Ann", identity="ann", metadata="from Ann", attributes={"mood": "fine"}
)


class LiveKitBackend(Protocol):
    """A server under the contract."""

    settings: LiveKitSettings

    async def dispatch(self, agent_name: str, room: str) -> str:
        """Ask for an agent in a room; returns the dispatch's id at once."""

    async def delete_dispatch(self, dispatch_id: str, room: str) -> None:
        """Take it back, which ends its jobs; returns when the server has done what it does."""


class LinkContract:
    """Subclass it with a `backend` fixture."""

    @pytest.fixture
    def agent_name(self) -> str:
        return f"contract-{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def room(self) -> str:
        return f"room-{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def handler(self) -> RecordingHandler:
        return RecordingHandler()

    @pytest.fixture
    async def link(
        self, backend: LiveKitBackend, handler: RecordingHandler, agent_name: str
    ) -> AsyncIterator[Link]:
        link = Link(backend.settings, AppInfo(agent_name=agent_name), handler)
        async with running(link):
            await handler.next("registered")
            yield link

    async def test_a_worker_is_registered_and_has_an_id(self, link: Link) -> None:
        """The server gives a new worker an id."""
        state = link.state()

        assert (state.phase, state.worker_id[:3], state.error) == ("registered", "AW_", "")

    async def test_a_dispatch_arrives_as_an_offer(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """An offer names the job, its room and its agent, and carries the job itself."""
        dispatch_id = await backend.dispatch(agent_name, room)

        offer = await handler.next_offer()

        job = agent.Job.FromString(offer.job)
        assert (offer.room, offer.agent_name, offer.resuming) == (room, agent_name, False)
        assert (job.id, job.dispatch_id, job.room.name) == (offer.job_id, dispatch_id, room)
        link.send_answer(offer.job_id, JobAnswer(accept=False, terminate=True))

    async def test_an_accepted_offer_is_assigned(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """Who accepts gets the job, with a token for the room at the server's own address."""
        await backend.dispatch(agent_name, room)
        offer = await handler.next_offer()

        sent = link.send_answer(offer.job_id, ACCEPT)
        assignment = await handler.next("assignment")

        assert sent
        assert (assignment[1], assignment[3], assignment[4]) == (
            offer.job_id,
            room,
            backend.settings.url,
        )
        assert assignment[5]

    async def test_a_declined_offer_is_not_assigned(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """Who declines hears no more of the job; the next one is offered as ever."""
        await backend.dispatch(agent_name, room)
        declined = await handler.next_offer()
        link.send_answer(declined.job_id, JobAnswer(accept=False))

        await backend.dispatch(agent_name, room)
        accepted = await handler.next_offer()
        link.send_answer(accepted.job_id, ACCEPT)
        assignment = await handler.next("assignment")

        assert declined.job_id != accepted.job_id
        assert assignment[1] == accepted.job_id

    async def test_a_deleted_dispatch_terminates_its_job(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """A job that runs is terminated with its dispatch."""
        job_id, dispatch_id = await self._start_job(backend, link, handler, agent_name, room)
        link.report_job(job_id, "running")

        await backend.delete_dispatch(dispatch_id, room)

        assert (await handler.next("termination"))[1] == job_id

    async def test_a_job_that_was_reported_as_failed_is_over(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """The server believes a report: there is nothing left to terminate."""
        job_id, dispatch_id = await self._start_job(backend, link, handler, agent_name, room)
        link.report_job(job_id, "failed", "ValueError: no such voice")
        other_id, other_dispatch = await self._start_job(backend, link, handler, agent_name, room)
        await asyncio.sleep(SETTLE_TIME)
        # An answer goes out after the report, so once its job is assigned both were read.
        await self._start_job(backend, link, handler, agent_name, room)

        await backend.delete_dispatch(dispatch_id, room)
        await backend.delete_dispatch(other_dispatch, room)

        assert (await handler.next("termination"))[1] == other_id

    async def test_a_full_worker_is_offered_nothing(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """Of two workers the one that is full is passed over."""
        spare_handler = RecordingHandler()
        spare = Link(backend.settings, AppInfo(agent_name=agent_name), spare_handler)
        link.report_worker(decide_report(4, 4, draining=False))

        async with running(spare):
            await spare_handler.next("registered")
            await backend.dispatch(agent_name, room)
            offer = await spare_handler.next_offer()
            spare.send_answer(offer.job_id, JobAnswer(accept=False, terminate=True))

        assert "offer" not in handler.names()

    async def test_a_worker_with_one_slot_left_is_offered_a_job(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> None:
        """The load that we report while there is room keeps the offers coming."""
        link.report_worker(decide_report(99, 100, draining=False))

        await backend.dispatch(agent_name, room)
        offer = await handler.next_offer()

        link.send_answer(offer.job_id, JobAnswer(accept=False, terminate=True))
        assert offer.room == room

    async def test_closing_says_goodbye(
        self, backend: LiveKitBackend, handler: RecordingHandler, agent_name: str
    ) -> None:
        """A closed link has ended its registration, and run() has returned without an error."""
        link = Link(backend.settings, AppInfo(agent_name=agent_name), handler)

        async with running(link) as task:
            await handler.next("registered")
            link.report_worker(WorkerReport(load=1.0, full=True, job_count=0, draining=True))
            await link.aclose()
            await asyncio.wait_for(task, 20.0)

        assert link.state().phase == "closed"
        assert handler.names() == ["registered", "disconnected"]

    async def _start_job(
        self,
        backend: LiveKitBackend,
        link: Link,
        handler: RecordingHandler,
        agent_name: str,
        room: str,
    ) -> tuple[JobId, str]:
        dispatch_id = await backend.dispatch(agent_name, room)
        offer = await handler.next_offer()
        link.send_answer(offer.job_id, JobAnswer(accept=True))
        await handler.next("assignment")
        return offer.job_id, dispatch_id
