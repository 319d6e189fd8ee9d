"""What the tests of a whole daemon share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentd.testing.livekit_server import LiveKitServer
from tests.support.daemon import Callers, callers_of


@pytest.fixture
async def callers(livekit_server: LiveKitServer) -> AsyncIterator[Callers]:
    """Whoever dispatches, joins and deletes rooms on the shared server."""
    async with callers_of(livekit_server) as them:
        yield them
