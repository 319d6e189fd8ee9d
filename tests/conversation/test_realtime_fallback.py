"""Conversations that go on with another speech-to-speech model when one fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.errors import APIStatusError
from agentd.llm import function_tool
from agentd.realtime import RealtimeCapabilities, RealtimeModelFallbackAdapter
from agentd.resilience.recovery import LONGEST_PAUSE
from agentd.testing import FakeCall, FakeRealtime, FakeReply, Fault, Misbehaviour, Scene
from agentd.testing.faults import FaultPlan
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent

BREAKS = Misbehaviour.RAISE
AWAY = [BREAKS] * 50
"""The service can't be reached, however often it is probed: a pause between two may be short."""
ONCE = [None, *AWAY]
"""It can be reached the first time, and after that not."""


class Clerk(Agent):
    """Has a tool."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a clerk.")

    @function_tool
    async def price(self, item: str) -> str:
        """Tell what something costs."""
        return f"{item} costs 3"


def on(
    scenario: Callable[[Scene], Awaitable[None]], *models: FakeRealtime, **options: Any
) -> Scene:
    """The scene after a scenario with an adapter of these models."""

    async def run() -> Scene:
        adapter = RealtimeModelFallbackAdapter(models, **options)
        async with Scene(Clerk(), llm=adapter, user_away_timeout=None) as scene:
            await scenario(scene)
        await adapter.aclose()
        return scene

    return run_virtual(run())


async def one_turn(scene: Scene) -> None:
    """The user speaks once."""
    scene.mic.speak(1.0, start_in=1.0)
    await scene.until(8.0)


async def greet(scene: Scene) -> None:
    """The agent is asked to speak."""
    await scene.until(0.5)
    scene.session.generate_reply()
    await scene.until(8.0)


def test_the_first_that_is_well_speaks() -> None:
    """The second is not even connected."""
    first, second = FakeRealtime(["I am fine."], hears=["how are you"]), FakeRealtime()

    scene = on(one_turn, first, second)

    assert scene.history()[1:] == ["user: how are you", "assistant: I am fine."]
    assert second.sessions == []
    assert first.sessions[0].instructions == "You are a clerk."
    assert first.sessions[0].tools == ["price"]


def test_one_that_does_not_connect_is_passed_over() -> None:
    """Its user does not notice."""
    first = FakeRealtime(connects=AWAY)
    second = FakeRealtime(["I am fine."], hears=["how are you"])

    scene = on(one_turn, first, second)

    assert scene.history()[1:] == ["user: how are you", "assistant: I am fine."]
    assert second.sessions[0].instructions == "You are a clerk."


def test_a_reply_that_does_not_begin_is_given_by_the_next() -> None:
    """Whoever asked for it waits no longer than one attempt."""
    first = FakeRealtime(faults=[Misbehaviour.HANG], connects=ONCE)
    second = FakeRealtime(["Hello!"])

    scene = on(greet, first, second, attempt_timeout=1.0)

    assert scene.history()[1:] == ["assistant: Hello!"]
    assert [at for at, line in scene.timed("agent: speaking")] == [pytest.approx(1.5, abs=0.2)]


def test_a_reply_that_breaks_off_is_gone_on_with() -> None:
    """What was heard stays in the history, and the next model is told it and goes on from there."""
    first = FakeRealtime(
        ["The answer is forty-two, I think."],
        faults=[Fault(kind=BREAKS, after=0.7)],
        connects=ONCE,
    )
    second = FakeRealtime(["forty-two, I think."])

    scene = on(greet, first, second)

    assert scene.history()[1:] == ["assistant: The answer is /", "assistant: forty-two, I think."]
    (session,) = second.sessions
    assert [item.text_content for item in session.chat_ctx.messages()] == ["The answer is "]
    assert "Go on" in str(session.asked[0]["instructions"])


def test_without_regenerate_the_user_has_to_ask_again() -> None:
    """The conversation goes on all the same."""
    first = FakeRealtime(
        ["One two three four five."], faults=[Fault(kind=BREAKS, after=0.5)], connects=ONCE
    )
    second = FakeRealtime(["I am fine."], hears=["hello?"])

    async def then_ask(scene: Scene) -> None:
        await scene.until(0.5)
        scene.session.generate_reply()
        scene.mic.speak(1.0, start_in=1.0)
        await scene.until(8.0)

    scene = on(then_ask, first, second, regenerate_on_swap=False)

    assert scene.history()[1:] == [
        "assistant: One two th/",
        "user: hello?",
        "assistant: I am fine.",
    ]


def test_what_the_user_said_when_it_failed_is_heard_by_the_next() -> None:
    """A turn in the middle of an outage is not lost."""
    first = FakeRealtime(connects=ONCE)
    second = FakeRealtime(["I am fine."], hears=["how are you"])

    async def fails_while_the_user_speaks(scene: Scene) -> None:
        scene.mic.speak(2.0, start_in=1.0)
        await scene.until(2.0)
        first.sessions[0].fail(ConnectionResetError("gone"))
        await scene.until(8.0)

    scene = on(fails_while_the_user_speaks, first, second)

    assert scene.history()[1:] == ["user: how are you", "assistant: I am fine."]
    assert second.sessions[0].heard > 2.0


def test_a_tool_that_was_called_is_not_called_twice() -> None:
    """The next model gets its output, and answers."""
    first = FakeRealtime(
        [FakeReply(text="Let me see.", calls=(FakeCall("price", {"item": "tea"}),))],
        faults=[None, BREAKS],
        connects=ONCE,
    )
    second = FakeRealtime(["Tea costs 3."])

    scene = on(greet, first, second)

    assert scene.lines("tools") == ['tools: price({"item":"tea"}) = tea costs 3']
    assert scene.history()[1:] == ["assistant: Let me see.", "assistant: Tea costs 3."]
    kinds = [item.type for item in second.sessions[0].chat_ctx.items]
    assert kinds[-2:] == ["function_call", "function_call_output"]


def test_it_returns_to_the_first_when_that_is_well_again() -> None:
    """In a pause, and with all that was said meanwhile."""
    first = FakeRealtime(["Back again."], connects=AWAY, hears=["and now"])
    second = FakeRealtime(["I am fine."], hears=["how are you"])

    async def long(scene: Scene) -> None:
        await one_turn(scene)
        first.connects = FaultPlan()
        await scene.until(8.0 + LONGEST_PAUSE)
        scene.mic.speak(1.0)
        await scene.until(15.0 + LONGEST_PAUSE)

    scene = on(long, first, second, cooldown=10.0)

    assert scene.history()[1:] == [
        "user: how are you",
        "assistant: I am fine.",
        "user: and now",
        "assistant: Back again.",
    ]
    told = [item.text_content for item in first.sessions[-1].chat_ctx.messages()]
    assert told == ["how are you", "I am fine."]
    assert second.sessions[0].closed


def test_when_all_fail_the_session_ends_with_that() -> None:
    """Within the attempts' time."""
    models = [FakeRealtime(connects=AWAY) for _ in range(2)]

    async def wait(scene: Scene) -> None:
        await scene.until(8.0)

    scene = on(wait, *models)

    assert "close: error" in scene.lines("close")


def test_a_request_that_is_wrong_is_nobodys_outage() -> None:
    """The next model would refuse it too, so the conversation stays where it is."""
    refused = Fault(kind=BREAKS, error=APIStatusError("bad tool", status_code=400))
    first = FakeRealtime(["Here."], faults=[refused])
    second = FakeRealtime(["Not me."])

    async def twice(scene: Scene) -> None:
        await scene.until(0.5)
        scene.session.generate_reply()
        await scene.until(4.0)
        scene.session.generate_reply()
        await scene.until(8.0)

    scene = on(twice, first, second)

    assert second.sessions == []
    assert scene.history()[1:] == ["assistant: Here."]


def test_models_must_agree_on_what_a_conversation_is_built_on() -> None:
    """Said when the adapter is made, with who has it and who has not."""
    writes = FakeRealtime(capabilities=RealtimeCapabilities(audio_output=False))

    with pytest.raises(ValueError, match="must agree on audio_output"):
        RealtimeModelFallbackAdapter([FakeRealtime(), writes])
    with pytest.raises(ValueError, match="at least one"):
        RealtimeModelFallbackAdapter([])


def test_softer_capabilities_are_those_that_all_have() -> None:
    """Such as seeing."""
    sees = FakeRealtime(capabilities=RealtimeCapabilities(video_input=True))

    adapter = RealtimeModelFallbackAdapter([sees, FakeRealtime()])

    assert not adapter.capabilities.video_input


def test_changes_of_availability_are_told() -> None:
    """As an event, with the model."""
    first, second = FakeRealtime(connects=[BREAKS]), FakeRealtime()
    told: list[tuple[bool, bool]] = []

    async def listen() -> None:
        adapter = RealtimeModelFallbackAdapter([first, second])
        adapter.on(
            "realtime_availability_changed",
            lambda event: told.append((event.realtime_model is first, event.available)),
        )
        async with Scene(Clerk(), llm=adapter) as scene:
            await scene.until(40.0)
        await adapter.aclose()

    run_virtual(listen())

    assert told == [(True, False), (True, True)]
