"""The link against the real livekit-server: the contract, and what only the real one shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit import api

from agentd.dispatch.connection import LinkTimings
from agentd.dispatch.link import SETTLE_TIME, Link
from agentd.errors import LiveKitRefused
from agentd.protocol.app import AppInfo
from agentd.protocol.ids import JobId
from agentd.protocol.job import JobAnswer
from agentd.settings.model import LiveKitSettings
from agentd.testing.livekit_server import LiveKitServer
from tests.support.link_contract import LinkContract
from tests.support.recording_handler import RecordingHandler, running


class RealBackend:
    """livekit-server as the contract sees it."""

    def __init__(self, server: LiveKitServer, client: api.LiveKitAPI) -> None:
        self._client = client
        self.settings = LiveKitSettings(
            url=server.url, api_key=server.api_key, api_secret=server.api_secret
        )

    async def dispatch(self, agent_name: str, room: str) -> str:
        request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=room)
        dispatch = await self._client.agent_dispatch.create_dispatch(request)
        return dispatch.id

    async def delete_dispatch(self, dispatch_id: str, room: str) -> None:
        await self._client.agent_dispatch.delete_dispatch(dispatch_id, room)


def client_of(server: LiveKitServer) -> api.LiveKitAPI:
    """The server's API, with its own key."""
    return api.LiveKitAPI(server.url.replace("ws", "http", 1), server.api_key, server.api_secret)


async def start_job(
    backend: RealBackend, link: Link, handler: RecordingHandler, agent_name: str
) -> JobId:
    """Dispatch a job, accept it, and wait for its assignment."""
    await backend.dispatch(agent_name, "start-job")
    offer = await handler.next_offer()
    link.send_answer(offer.job_id, JobAnswer(accept=True))
    await handler.next("assignment")
    return offer.job_id


@pytest.fixture
async def backend(livekit_server: LiveKitServer) -> AsyncIterator[RealBackend]:
    async with client_of(livekit_server) as client:
        yield RealBackend(livekit_server, client)


class TestLiveKitServer(LinkContract):
    """See `LinkContract`."""


async def test_a_wrong_secret_is_refused_by_name_of_the_setting(backend: RealBackend) -> None:
    """The server's 401 becomes an error that says what to check, and shows no secret."""
    settings = LiveKitSettings(
        url=backend.settings.url,
        api_key="devkey",
        api_secret="not-the-secret-of-this-server-at-all",
    )
    link = Link(settings, AppInfo(), RecordingHandler())

    with pytest.raises(LiveKitRefused) as caught:
        await asyncio.wait_for(link.run(), 5.0)

    assert str(caught.value) == (
        f"LiveKit at '{settings.url}' refused the key 'devk…': "
        "check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
    )


async def test_a_wrong_path_is_said_to_be_no_livekit_server(backend: RealBackend) -> None:
    """A server that has no agents there is told apart from one that is away."""
    settings = LiveKitSettings(
        url=f"{backend.settings.url}/elsewhere",
        api_key=backend.settings.api_key,
        api_secret=backend.settings.api_secret,
    )
    link = Link(settings, AppInfo(), RecordingHandler())

    with pytest.raises(LiveKitRefused, match="is no LiveKit server"):
        await asyncio.wait_for(link.run(), 5.0)


async def test_the_error_of_a_failed_job_reaches_the_server(
    backend: RealBackend, livekit_server: LiveKitServer
) -> None:
    """The server's own log has the status and the text (its API never shows them)."""
    handler = RecordingHandler()
    link = Link(backend.settings, AppInfo(agent_name="fails"), handler)

    async with running(link):
        await handler.next("registered")
        job_id = await start_job(backend, link, handler, "fails")
        link.report_job(job_id, "failed", "ValueError: no such voice")
        await asyncio.sleep(SETTLE_TIME)
        # Its answer goes out after the report: once it is assigned, the server has read both.
        await start_job(backend, link, handler, "fails")

    log = livekit_server.log_path.read_text()
    ended = [line for line in log.splitlines() if "job ended" in line and job_id in line]
    assert len(ended) == 1
    assert '"status": "JS_FAILED", "error": "ValueError: no such voice"' in ended[0]


async def test_a_server_that_restarts_gets_its_worker_back() -> None:
    """After a restart the link registers anew, and is offered jobs again."""
    handler = RecordingHandler()
    with LiveKitServer() as server:
        async with client_of(server) as client:
            backend = RealBackend(server, client)
            link = Link(backend.settings, AppInfo(agent_name="returns"), handler)
            async with running(link):
                await handler.next("registered")
                await asyncio.to_thread(server.restart)
                await handler.next("registered")

                job_id = await start_job(backend, link, handler, "returns")

    assert job_id.startswith("AJ_")
    assert handler.names()[:3] == ["registered", "disconnected", "registered"]


async def test_the_server_answers_pings(backend: RealBackend) -> None:
    """Pings of the agent protocol are answered: the link lives on through many deadlines."""
    handler = RecordingHandler()
    timings = LinkTimings(ping_interval=0.05, pong_timeout=2.0)
    link = Link(backend.settings, AppInfo(agent_name="pinger"), handler, timings=timings)

    async with running(link) as task:
        await handler.next("registered")
        done, _ = await asyncio.wait([task], timeout=0.5)

    assert not done
    assert handler.names() == ["registered", "disconnected"]
