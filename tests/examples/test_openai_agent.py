"""examples/openai_agent.py under the real daemon, with the mock of OpenAI's API behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.testing import FakeCall
from agentd.testing.livekit_server import LiveKitServer
from agentd.testing.mock_openai import MockOpenAI
from tests.support.chat import Chat
from tests.support.daemon import callers_of, running_daemon

EXAMPLE = Path(__file__).parents[2] / "examples" / "openai_agent.py"

pytestmark = pytest.mark.timeout(150)


async def test_its_model_answers_and_calls_a_tool(
    livekit_server: LiveKitServer, workdir: Path
) -> None:
    """In a child that was forked from a template which has imported the SDK."""
    async with MockOpenAI() as api:
        api.chat.script.set(
            by_input={
                "How much is a large one?": FakeCall("look_up_price", {"size": "large"}),
                "14 dollars": "It is fourteen dollars.",
            }
        )
        environ = {"OPENAI_BASE_URL": api.base_url, "OPENAI_API_KEY": "sk-nobody"}
        async with (
            running_daemon(
                workdir, "start", str(EXAMPLE), server=livekit_server, environ=environ
            ) as daemon,
            callers_of(livekit_server) as callers,
        ):
            await daemon.wait_ready()
            chat = Chat(await callers.join("pizza"))
            await chat.has_microphone()
            await callers.dispatch(daemon, "", room="pizza")
            await daemon.wait_for(action="participant_linked")
            await chat.write("How much is a large one?")
            await chat.reads("It is fourteen dollars.")
            await callers.delete_room("pizza")
            assert await daemon.stop() == 0
            assert daemon.seen(action="spawn_fallback") == []

    asked = [seen.body for seen in api.chat.requests]
    assert [body["model"] for body in asked] == ["gpt-4.1-mini"] * 2
    assert asked[0]["tools"][0]["function"]["strict"] is True
    assert asked[1]["messages"][-1]["content"] == "14 dollars"
