"""Spans of conversations among fakes: their tree, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentd.llm import function_tool
from agentd.testing import FakeCall, FakeLLM, FakeSTT, FakeTTS, Misbehaviour, Scene
from agentd.tracing.switch import switch
from agentd.voice.agent import Agent
from tests.support.scenes import asked, play
from tests.support.spans import Recorded


class Cashier(Agent):
    """Takes money."""

    def __init__(self) -> None:
        super().__init__(instructions="Take money.")

    @function_tool
    async def pay(self) -> str:
        """Takes the money."""
        return "paid"


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """What is recorded from now on, with what is said."""
    made = Recorded()
    switch.use(made.provider, None)
    switch.says_content = True
    yield made
    switch.turn_off()


async def speak(scene: Scene) -> None:
    """The user speaks for a second, and is answered."""
    scene.mic.speak(1.0, start_in=0.5)
    await scene.until(5.0)


def attributes(recorded: Recorded, name: str) -> list[dict[str, Any]]:
    return [dict(s.attributes or {}) for s in recorded.spans if s.name == name]


def test_a_turn_with_a_tool_is_a_tree(recorded: Recorded) -> None:
    """The reply was begun ahead, and belongs to the agent's turn all the same."""
    llm = FakeLLM([FakeCall("pay"), "It is paid."])

    play(speak, Cashier(), llm=llm, stt=FakeSTT(["Please let me pay."]))

    paths = recorded.paths()
    turn = "agent_session/agent_turn"
    assert paths.count(f"{turn}/llm_node/llm_request") == 2
    assert {
        f"{turn}/function_tool",
        f"{turn}/tts_node/tts_request",
        f"{turn}/agent_speaking",
    } < set(paths)
    assert "agent_session/user_turn/eou_detection" in paths
    (agent_turn,), (user_turn,) = (
        attributes(recorded, "agent_turn"),
        attributes(recorded, "user_turn"),
    )
    assert agent_turn["agentd.preemptive"] is True
    assert agent_turn["lk.e2e_latency"] > 0
    assert user_turn["lk.pii.user_transcript"] == "Please let me pay."


def test_a_request_says_what_was_asked_and_answered(recorded: Recorded) -> None:
    """In the form of the conventions for generative AI."""
    play(asked(3.0, "Pay!"), Cashier(), llm=FakeLLM([FakeCall("pay"), "It is paid."]))

    first, second = attributes(recorded, "llm_request")
    (called,) = json.loads(first["gen_ai.output.messages"])[0]["parts"]
    assert (called["type"], called["name"]) == ("tool_call", "pay")
    told = json.loads(second["gen_ai.input.messages"])
    assert [message["role"] for message in told] == ["system", "user", "assistant", "tool"]
    assert told[3]["parts"][0]["result"] == "paid"
    assert second["gen_ai.usage.output_tokens"] > 0
    (tool,) = attributes(recorded, "function_tool")
    assert (tool["gen_ai.tool.call.result"], tool["lk.function_tool.is_error"]) == ("paid", False)


def test_a_reply_that_was_begun_ahead_and_is_not_wanted_ends_as_dropped(
    recorded: Recorded,
) -> None:
    """Its model was asked: that is seen too."""

    async def speak_twice(scene: Scene) -> None:
        scene.mic.speak(1.0, start_in=0.5)
        scene.mic.speak(1.0, start_in=1.8)
        await scene.until(6.0)

    play(speak_twice, llm=FakeLLM(default="Yes."), stt=FakeSTT(["One.", "Two."]))

    turns = attributes(recorded, "agent_turn")
    assert len([turn for turn in turns if turn.get("agentd.dropped")]) == len(turns) - 1
    assert len(turns) > 1


def test_a_model_that_fails_is_an_error(recorded: Recorded) -> None:
    """In the request, the node, and the turn."""

    llm = FakeLLM(default="Yes.", faults=[Misbehaviour.RAISE] * 9)

    play(asked(1.0, "Go!"), llm=llm, tts=FakeTTS(), dead_air=None)

    failed = {s.name for s in recorded.spans if s.status.description}
    assert failed >= {"llm_request", "llm_node", "agent_turn"}
