"""A whole session in a real room: a caller speaks, is answered, cuts in, writes, and leaves."""

from __future__ import annotations

from typing import Any

from agentd.testing import FakeLLM, FakeSTT
from agentd.testing.livekit_server import LiveKitServer
from tests.support.room_calls import call, said

STORY = "Once upon a time there was a king who lived in a castle, far away from here. " * 3


async def test_a_caller_speaks_and_is_answered(livekit_server: LiveKitServer) -> None:
    """He hears the answer, and reads what both have said."""
    models: dict[str, Any] = {
        "llm": FakeLLM(["I am fine, thank you."]),
        "stt": FakeSTT(["how are you"]),
    }
    async with call(livekit_server, **models) as (session, caller, _):
        await caller.speak(1.0)
        await caller.ears.hears(0.8)
        await caller.ears.hears_nothing(0.5)
        await caller.until(lambda: len(said(session)) == 2)

        assert said(session) == ["user: how are you", "assistant: I am fine, thank you."]
        await caller.until(lambda: "agent-1: I am fine, thank you." in caller.read)


async def test_a_caller_cuts_in(livekit_server: LiveKitServer) -> None:
    """The voice stops, and what was not heard was not said."""
    models: dict[str, Any] = {
        "llm": FakeLLM([STORY, "As you like."]),
        "stt": FakeSTT(["tell me", "stop it now"]),
    }
    async with call(livekit_server, **models) as (session, caller, _):
        await caller.speak(1.0)
        await caller.ears.hears(1.0)
        await caller.speak(1.2)
        await caller.until(lambda: len(said(session)) == 4)

        story = said(session)[1]
        assert story.endswith("/")
        assert len(story) < len(STORY) / 2
        assert said(session)[2:] == ["user: stop it now", "assistant: As you like."]


async def test_a_caller_writes_and_is_answered_aloud(livekit_server: LiveKitServer) -> None:
    """By the same agent, in the same conversation."""
    async with call(livekit_server, llm=FakeLLM(["Hello to you."])) as (session, caller, _):
        await caller.write("Hello!")
        await caller.ears.hears(0.5)
        await caller.until(lambda: len(said(session)) == 2)

        assert said(session) == ["user: Hello!", "assistant: Hello to you."]


async def test_a_caller_who_leaves_in_mid_sentence_ends_the_session(
    livekit_server: LiveKitServer,
) -> None:
    """With that as its reason, and what was heard as its history."""
    async with call(livekit_server, llm=FakeLLM([STORY])) as (session, caller, events):
        session.generate_reply()
        await caller.ears.hears(1.0)
        await caller.room.disconnect()
        await caller.until(lambda: bool(events))

        assert events == ["close: participant_disconnected"]
        assert said(session)[0].endswith("/")
