"""The realtime model of agentd-openai keeps the contract, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from agentd.realtime import RealtimeModel
from agentd.testing.mock_openai import MockOpenAI
from agentd_openai import realtime
from tests.plugins.realtime_contract import RealtimeContract, Scripted


class TestOpenAIRealtime(RealtimeContract):
    """Against a service that speaks the SDK's own events."""

    @pytest.fixture
    async def service(self) -> AsyncIterator[None]:
        """The mock of it."""
        async with MockOpenAI() as self.api:
            yield

    def make(
        self,
        replies: Sequence[Scripted] = (),
        *,
        hears: Sequence[str] = (),
        takes_turns: bool = True,
        speaks: bool = True,
    ) -> RealtimeModel:
        """See the base class."""
        self.api.realtime.script.set(replies, hears=hears)
        return realtime.RealtimeModel(
            api_key="sk-nobody",
            base_url=self.api.base_url,
            turn_detection={"type": "semantic_vad"} if takes_turns else None,
            modalities=("audio",) if speaks else ("text",),
        )
