"""The fake server keeps the contract that the real one keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentd.settings.model import LiveKitSettings
from tests.support.fake_livekit import FakeLiveKit
from tests.support.link_contract import LinkContract


class FakeBackend:
    """The fake as the contract sees it."""

    def __init__(self, server: FakeLiveKit) -> None:
        self._server = server
        self.settings = LiveKitSettings(
            url=server.url, api_key=server.api_key, api_secret=server.api_secret
        )

    async def dispatch(self, agent_name: str, room: str) -> str:
        return self._server.dispatch(agent_name, room)

    async def delete_dispatch(self, dispatch_id: str, room: str) -> None:
        await self._server.delete_dispatch(dispatch_id)


class TestFakeLiveKit(LinkContract):
    """See `LinkContract`."""

    @pytest.fixture
    async def backend(self) -> AsyncIterator[FakeBackend]:
        async with FakeLiveKit() as server:
            yield FakeBackend(server)
