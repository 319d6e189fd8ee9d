"""The link against the real livekit-server: the contract, and what only the real one shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest
from livekit import api

from agentd.dispatch.connection import LinkTimings
from agentd.dispatch.link import Link
from agentd.errors import LiveKitRefused
from agentd.protocol.app import AppInfo
from agentd.settings.model import LiveKitSettings
from tests.support.link_contract import LinkContract
from tests.support.recording_handler import RecordingHandler, running


class LiveKitServer(Protocol):
    """What the `livekit_server` fixture gives."""

    url: str
    api_key: str
    api_secret: str


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


@pytest.fixture
async def backend(livekit_server: LiveKitServer) -> AsyncIterator[RealBackend]:
    http_url = livekit_server.url.replace("ws", "http", 1)
    async with api.LiveKitAPI(
        http_url, livekit_server.api_key, livekit_server.api_secret
    ) as client:
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
