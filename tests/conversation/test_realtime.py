"""Conversations with a model that hears and speaks by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.errors import APIConnectionError, SessionError
from agentd.llm import function_tool
from agentd.llm.stream import MAX_REPLY_CALLS
from agentd.realtime import RealtimeCapabilities
from agentd.testing import (
    FakeCall,
    FakeRealtime,
    FakeReply,
    FakeTTS,
    FakeVAD,
    Misbehaviour,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.options import DeadAirOptions


class Clerk(Agent):
    """Has a tool."""

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


def on(scenario: Callable[[Scene], Awaitable[None]], model: FakeRealtime, **kwargs: Any) -> Scene:
    """The scene after a scenario."""

    async def run() -> Scene:
        async with Scene(Clerk(), llm=model, user_away_timeout=None, **kwargs) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


async def one_turn(scene: Scene) -> None:
    """The user speaks once."""
    scene.mic.speak(1.0, start_in=1.0)
    await scene.until(6.0)


def test_the_model_is_told_what_it_is_and_may_do() -> None:
    """Before the first word."""
    model = FakeRealtime()

    async def nothing(scene: Scene) -> None:
        await scene.until(1.0)

    on(nothing, model)

    (session,) = model.sessions
    assert session.instructions == "You are a clerk."
    assert session.tools == ["price", "transfer"]
    assert session.closed


def test_the_model_takes_turns_by_itself() -> None:
    """What both have said is in the history, and the states are as with any other model."""
    scene = on(one_turn, FakeRealtime(["I am fine."], hears=["how are you"]))

    assert scene.history()[1:] == ["user: how are you", "assistant: I am fine."]
    assert scene.lines("user", "agent", "heard") == [
        "agent: listening",
        "user: speaking",
        "user: listening",
        "heard: how are you",
        "agent: thinking",
        "agent: speaking",
        "agent: listening",
    ]
    assert [s.seconds for s in scene.loudspeaker.segments] == [0.5]


def test_a_reply_is_asked_for_with_an_instruction() -> None:
    """As a greeting."""
    model = FakeRealtime(["Good day."])

    async def greet(scene: Scene) -> None:
        await scene.session.generate_reply(instructions="Greet.")

    scene = on(greet, model)

    assert model.sessions[0].asked[0]["instructions"] == "Greet."
    assert scene.history()[-1] == "assistant: Good day."


def test_what_the_user_writes_goes_into_the_models_history() -> None:
    """And is answered."""
    model = FakeRealtime(["Fine."])

    async def write(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="How are you?")

    scene = on(write, model)

    said = [m.text_content for m in model.sessions[0].chat_ctx.messages()]
    assert said == ["How are you?"]
    assert scene.history()[1:] == ["user: How are you?", "assistant: Fine."]


def test_tools_are_called_and_the_model_goes_on() -> None:
    """With the outputs in its history."""
    model = FakeRealtime([FakeCall("price", {"item": "tea"}), "Tea is 3."], hears=["how much"])

    scene = on(one_turn, model)

    assert scene.lines("tools") == ['tools: price({"item":"tea"}) = tea costs 3']
    assert scene.history()[-1] == "assistant: Tea is 3."
    assert [item.type for item in model.sessions[0].chat_ctx.items][1:] == [
        "function_call",
        "function_call_output",
    ]


def test_calls_without_end_are_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """What was called is in the history all the same; the session goes on."""
    calls = tuple(FakeCall("price", {"item": f"{number}"}) for number in range(100))
    model = FakeRealtime([FakeReply(calls=calls), "Fine."], hears=["how much", "hello"])

    async def two_turns(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=1.0)
        scene.mic.speak(1.0, start_in=8.0)
        await scene.until(14.0)

    scene = on(two_turns, model)

    outputs = [i for i in scene.session.history.items if i.type == "function_call_output"]
    assert len(outputs) == MAX_REPLY_CALLS
    assert [line.action for line in caplog.records] == ["speech_failed"]  # type: ignore[attr-defined]
    assert scene.history()[-1] == "assistant: Fine."


def test_a_server_that_answers_tools_by_itself_is_not_asked() -> None:
    """It would say it twice."""
    capabilities = RealtimeCapabilities(auto_tool_reply_generation=True)
    model = FakeRealtime(
        [FakeCall("price", {"item": "tea"})], hears=["how much"], capabilities=capabilities
    )

    on(one_turn, model)

    assert model.sessions[0].asked == []


def test_speech_over_the_model_cuts_it_and_tells_it_how_far() -> None:
    """What was heard is what it remembers."""
    model = FakeRealtime(["A long story about a king who lived in a castle.", "As you like."])

    async def interrupt(scene: Scene) -> None:
        scene.session.generate_reply()
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(6.0)

    scene = on(interrupt, model)

    (told,) = model.sessions[0].truncated
    assert told.audio_end == pytest.approx(1.05)
    assert scene.history()[1] == f"assistant: {told.transcript}/"
    assert told.transcript.startswith("A long story")
    assert scene.history()[-1] == "assistant: As you like."


def test_a_handoff_begins_another_session() -> None:
    """The old one is closed."""
    model = FakeRealtime([FakeCall("transfer")], hears=["the boss, please"])

    scene = on(one_turn, model)

    first, second = model.sessions
    assert (first.closed, second.instructions) == (True, "You are the boss.")
    assert scene.history()[-1] == "handoff: clerk -> boss"


def test_a_model_that_fails_ends_the_session() -> None:
    """At once: it is ears, mind and mouth in one."""
    model = FakeRealtime()

    async def fail(scene: Scene) -> None:
        model.sessions[0].fail(APIConnectionError("gone"))
        await scene.until(1.0)

    scene = on(fail, model)

    assert scene.lines("error") == ["error: RealtimeModelError APIConnectionError"]
    assert scene.lines("close") == ["close: error"]


def test_an_error_that_the_model_gets_over_is_none() -> None:
    """It is in the log."""
    model = FakeRealtime(["Fine."], hears=["hello"])

    async def stumble(scene: Scene) -> None:
        model.sessions[0].fail(APIConnectionError("a moment"), recoverable=True)
        await one_turn(scene)

    scene = on(stumble, model)

    assert scene.history()[-1] == "assistant: Fine."


def test_a_model_that_does_not_begin_is_given_up() -> None:
    """The reply fails after ten seconds, and the session goes on."""
    model = FakeRealtime(faults=[Misbehaviour.HANG])
    failed: list[str] = []

    async def ask(scene: Scene) -> None:
        handle = await scene.session.generate_reply(allow_interruptions=False)
        failed.append(type(handle.exception()).__name__)

    on(ask, model, dead_air=DeadAirOptions(timeout=None))

    assert failed == ["TimeoutError"]


def test_a_vad_may_take_the_turns() -> None:
    """Then the audio is committed, and a reply asked for."""
    capabilities = RealtimeCapabilities(turn_detection=False)
    model = FakeRealtime(["I am fine."], hears=["how are you"], capabilities=capabilities)

    scene = on(one_turn, model, vad=FakeVAD())

    assert model.sessions[0].committed == 1
    assert len(model.sessions[0].asked) == 1
    assert scene.history()[1:] == ["user: how are you", "assistant: I am fine."]


def test_a_model_that_only_writes_is_spoken_by_a_voice() -> None:
    """Of the session's."""
    capabilities = RealtimeCapabilities(audio_output=False)
    model = FakeRealtime(["I am fine."], hears=["how are you"], capabilities=capabilities)
    tts = FakeTTS()

    on(one_turn, model, tts=tts)

    assert tts.attempts[0].text == "I am fine."


def test_a_given_text_needs_a_model_that_can_say_it() -> None:
    """Or a voice."""

    async def say(scene: Scene) -> None:
        with pytest.raises(SessionError, match="tts="):
            scene.session.say("Hello.")

    on(say, FakeRealtime())


def test_a_model_that_can_says_a_given_text() -> None:
    """In its own voice."""
    model = FakeRealtime(capabilities=RealtimeCapabilities(supports_say=True))

    async def say(scene: Scene) -> None:
        await scene.session.say("Hello there.")

    scene = on(say, model)

    assert scene.history()[-1] == "assistant: Hello there."
    assert len(scene.loudspeaker.segments) == 1


def test_changed_instructions_reach_the_model_at_once() -> None:
    """And other tools."""
    model = FakeRealtime()

    async def change(scene: Scene) -> None:
        await scene.agent.update_instructions("You are a poet.")
        await scene.agent.update_tools([])

    on(change, model)

    assert model.sessions[0].instructions == "You are a poet."
    assert model.sessions[0].tools == []
