"""Keys of a telephone in a conversation."""

from __future__ import annotations

import pytest

from agentd.beta.tools import send_dtmf_events
from agentd.errors import SessionError
from agentd.testing import FakeCall, FakeLLM, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.events import SipDtmfReceivedEvent


def test_a_key_is_an_event_and_a_sign_of_life() -> None:
    """The user who dials is not away."""
    pressed: list[SipDtmfReceivedEvent] = []

    async def scenario() -> Scene:
        async with Scene(user_away_timeout=5.0, llm=FakeLLM([])) as scene:
            scene.session.on("sip_dtmf_received", pressed.append)
            await scene.until(4.0)
            scene.session.key_pressed("4", 4, "caller-1")
            await scene.until(8.0)
            return scene

    scene = run_virtual(scenario())

    assert [(event.digit, event.code) for event in pressed] == [("4", 4)]
    assert scene.lines("user: away") == []


def test_the_model_is_told_that_there_is_no_telephone() -> None:
    """Without a room no key can be pressed; the call goes on."""

    async def scenario() -> Scene:
        agent = Agent(instructions="x", tools=[send_dtmf_events])
        llm = FakeLLM([FakeCall("send_dtmf_events", {"events": ["1", "#"]}), "I could not."])
        async with Scene(agent, llm=llm, text_only=True) as scene:
            await scene.session.run(user_input="Press one and pound.")
            return scene

    scene = run_virtual(scenario())

    assert scene.history()[-1] == "assistant: I could not."
    assert "the keys were not pressed: the session has no room" in scene.lines("tools")[0]


def test_dialling_without_a_room_is_an_error() -> None:
    """For the app that asks for it, too."""

    async def scenario() -> None:
        async with Scene(text_only=True) as scene:
            await scene.session.send_dtmf("1")

    with pytest.raises(SessionError, match="no room"):
        run_virtual(scenario())
