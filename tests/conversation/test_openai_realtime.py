"""Whole conversations with a realtime service, over real sockets and in real time.

The user's voice and the loudspeaker are in memory; the service is the mock of OpenAI's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agentd.aio.bell import Bell
from agentd.aio.timing import now, within
from agentd.llm import function_tool
from agentd.testing import FakeCall, FakeReply, FakeTTS, Scene
from agentd.testing.mock_openai import MockOpenAI, RealtimeFault, RealtimeFaultKind
from agentd.testing.scene import EVENTS
from agentd.voice.agent import Agent
from agentd_openai.realtime import RealtimeModel

STORY = "A long story about a king who lived in a castle."
EAGER = {"type": "semantic_vad", "eagerness": "high"}


class Clerk(Agent):
    """Has a tool, and a boss."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a clerk.")

    @function_tool
    async def price(self, item: str) -> str:
        """Tell what something costs."""
        return f"{item} costs 3"

    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        return Agent(instructions="You are the boss.", id="boss")


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The service."""
    async with MockOpenAI() as api:
        yield api


class Stage(Scene):
    """A scene that tells when something in it has changed."""

    def __init__(self, api: MockOpenAI, model: dict[str, Any] | None = None, **kwargs: Any) -> None:
        usual = {"api_key": "sk-nobody", "base_url": api.base_url, "turn_detection": EAGER}
        super().__init__(
            Clerk(),
            llm=RealtimeModel(**usual | (model or {})),
            user_away_timeout=None,
            **kwargs,
        )
        self._bell = Bell()
        for name in EVENTS:
            self.session.on(name, lambda event: self._bell.ring())

    async def __aenter__(self) -> Stage:
        await super().__aenter__()
        return self

    async def when(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so that an event of the session tells of."""
        await within(now() + 8.0, self._bell.until(condition))

    async def has_said(self, text: str) -> None:
        """Wait until something is in the history."""
        await self.when(lambda: any(text in line for line in self.history()))


async def test_a_user_speaks_and_is_answered(api: MockOpenAI) -> None:
    """What both have said is in the history here and at the service, and was heard."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Stage(api) as scene:
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("I am fine.")
        await scene.has_said("how are you")
        words = api.realtime.current.conversation.words()

    assert sorted(scene.history()[1:]) == ["assistant: I am fine.", "user: how are you"]
    assert words == ["user: how are you", "assistant: I am fine."]
    assert [segment.seconds for segment in scene.loudspeaker.segments] == [0.5]
    assert api.realtime.current.session["instructions"] == "You are a clerk."


async def test_a_tool_is_called_and_its_output_is_told(api: MockOpenAI) -> None:
    """The model goes on with it."""
    api.realtime.script.set([FakeCall("price", {"item": "tea"}), "Tea is 3."], hears=["how much"])
    async with Stage(api) as scene:
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("Tea is 3.")
        words = api.realtime.current.conversation.words()

    assert words == [
        "user: how much",
        'call: price({"item":"tea"})',
        "output: tea costs 3",
        "assistant: Tea is 3.",
    ]


async def test_a_user_who_cuts_in_is_heard_and_what_he_did_not_hear_forgotten(
    api: MockOpenAI,
) -> None:
    """By both sides, to the same instant."""
    api.realtime.script.set([STORY, "As you like."], hears=["stop"])
    async with Stage(api) as scene:
        scene.session.generate_reply()
        await scene.when(lambda: "agent: speaking" in scene.lines())
        scene.mic.speak(0.4, start_in=0.5)
        await scene.has_said("As you like.")
        service = api.realtime.current
        (told,) = service.asked("conversation.item.truncate")

    cut = scene.loudspeaker.segments[0]
    assert cut.interrupted
    assert told["audio_end_ms"] == pytest.approx(1000 * cut.seconds, abs=2)
    assert 400 < told["audio_end_ms"] < 1500
    said = scene.history()[1]
    assert said.endswith("/")
    assert STORY.startswith(said.removeprefix("assistant: ").removesuffix("/"))
    assert scene.lines("error") == []


async def test_a_model_that_writes_has_the_voice_of_the_session(api: MockOpenAI) -> None:
    """It is never asked for audio."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    tts = FakeTTS()
    async with Stage(api, {"modalities": ("text",)}, tts=tts) as scene:
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("I am fine.")

    assert tts.attempts[0].text == "I am fine."
    assert api.realtime.current.session["output_modalities"] == ["text"]


async def test_another_agent_begins_another_session(api: MockOpenAI) -> None:
    """With its own instructions; the first connection is closed."""
    api.realtime.script.set([FakeCall("transfer"), "I am the boss."], hears=["the boss, please"])
    async with Stage(api) as scene:
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("handoff")
        scene.session.generate_reply()
        await scene.has_said("I am the boss.")
        first, second = api.realtime.connections
        await first.until(first.closed.is_set)

    assert second.session["instructions"] == "You are the boss."


async def test_turns_are_taken_by_hand(api: MockOpenAI) -> None:
    """The app says when the user has finished."""
    api.realtime.script.set(["I am fine."], hears=["how are you"])
    async with Stage(
        api, {"turn_detection": None}, turn_handling={"turn_detection": "manual"}
    ) as scene:
        scene.mic.speak(0.4)
        service = await api.realtime.connected()
        await service.until(lambda: service.hearing.waiting > 0.5)
        scene.session.commit_user_turn()
        await scene.has_said("I am fine.")
        words = service.conversation.words()

    assert words == ["user: how are you", "assistant: I am fine."]


async def test_a_call_outlives_a_lost_connection(api: MockOpenAI) -> None:
    """The reply is kept as far as it came, and the next turn is taken on another connection."""
    api.realtime.script.set(
        [STORY, "I am here."],
        hears=["are you there"],
        faults=[RealtimeFault(kind=RealtimeFaultKind.CLOSE, after=5)],
    )
    async with Stage(api) as scene:
        await scene.session.generate_reply()
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("I am here.")
        await scene.has_said("are you there")
        words = api.realtime.current.conversation.words()

    cut = scene.history()[1]
    assert cut.endswith("/")
    assert words == [cut.removesuffix("/"), "user: are you there", "assistant: I am here."]
    assert scene.loudspeaker.segments[0].seconds == pytest.approx(0.5)
    assert scene.lines("error", "close") == ["close: user_initiated"]


async def test_a_renewal_is_not_heard(api: MockOpenAI) -> None:
    """One reply is played to its end while the connections change, the next comes from the new."""
    api.realtime.script.set([STORY, "I am here."], hears=["are you there"])
    async with Stage(api, {"max_session_duration": 0.3}) as scene:
        speech = scene.session.generate_reply()
        first = await api.realtime.connected(1)
        await first.until(first.closed.is_set)
        playing = scene.loudspeaker.silent_since is None
        await speech
        scene.mic.speak(0.4, start_in=0.1)
        await scene.has_said("I am here.")

    assert playing
    assert scene.loudspeaker.segments[0].seconds == pytest.approx(2.4)
    assert not any(segment.interrupted for segment in scene.loudspeaker.segments)
    assert len(api.realtime.connections) > 1


async def test_a_reply_that_fails_costs_one_reply(api: MockOpenAI) -> None:
    """The session goes on, and the next one is made."""
    api.realtime.script.set(
        [FakeReply(text=STORY), "I am here."],
        faults=[RealtimeFault(kind=RealtimeFaultKind.FAILED, after=0)],
    )
    async with Stage(api) as scene:
        handle = await scene.session.generate_reply()
        await scene.session.generate_reply()

    assert handle.exception() is not None
    assert scene.history()[-1] == "assistant: I am here."
