"""A conversation goes on in another process, from what the one that died had left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from agentd.llm import ToolFlag, function_tool
from agentd.testing import (
    FakeCall,
    FakeHost,
    FakeLLM,
    FakeReply,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    Scene,
)
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.resume import ResumeContext
from agentd.voice.tasks import AgentTask

STORY = "Once there was a king. He lived in a castle. It was very old and very cold."


class Desk(Agent):
    """The first agent."""

    def __init__(self, *, slow: bool = True) -> None:
        super().__init__(instructions="You are the desk.")
        self.lock = asyncio.Lock()
        self.resumed: list[ResumeContext] = []
        # Of this life only, as private attributes are.
        self._slow = slow
        self._seen: list[str] = []

    @property
    def seen(self) -> list[str]:
        """What it has done in this life."""
        return self._seen

    async def on_enter(self) -> None:
        self._seen.append("enter")

    async def on_resume(self, ctx: ResumeContext) -> None:
        self.resumed.append(ctx)
        await super().on_resume(ctx)

    @function_tool
    async def transfer(self) -> Agent:
        """Hand over."""
        return Kitchen("soup")

    @function_tool
    async def pay(self) -> str:
        """Pay. Takes long, and must not be done twice."""
        self._seen.append("pay")
        await asyncio.sleep(100.0)
        return "paid"

    @function_tool(flags=ToolFlag.IDEMPOTENT)
    async def look(self) -> str:
        """Look something up; may be done twice."""
        self._seen.append("look")
        if self._slow:
            await asyncio.sleep(100.0)
        return "seen"

    @function_tool
    async def ask(self) -> str:
        """Ask for a name."""
        return await Ask(instructions="Ask.")


class Kitchen(Agent):
    """Needs an argument to be made."""

    def __init__(self, dish: str) -> None:
        super().__init__(instructions=f"You cook {dish}.")
        self.dish = dish

    @function_tool
    async def serve(self) -> str:
        """Serve it."""
        return f"one {self.dish}"


class Garden(Agent):
    """Needs nothing to be made."""

    def __init__(self, plants: list[str] | None = None) -> None:
        super().__init__(instructions="You garden.")
        self.plants = plants or []


class Ask(AgentTask[str]):
    """A task on loan."""


@dataclass
class Guest:
    """What an app keeps."""

    name: str = ""
    orders: list[str] = field(default_factory=list)


Scenario = Callable[[Scene], Awaitable[None]]


def first_life(scenario: Scenario, agent: Agent | None = None, **kwargs: Any) -> bytes:
    """Run a scenario; what is left when the process is killed at its end."""
    host = FakeHost()
    left = []

    async def run() -> None:
        scene = Scene(agent or Desk(), host=host, **{**parts(), **kwargs})
        await scene.__aenter__()
        await scenario(scene)
        await asyncio.sleep(0)
        left.append(host.kept)
        await scene.session.aclose()

    run_virtual(run())
    return left[0]


def second_life(
    kept: bytes, agent: Agent | None = None, *, seconds: float = 6.0, **kwargs: Any
) -> Scene:
    """Start again with what was left, and let some time pass."""

    async def run() -> Scene:
        scene = Scene(agent or Desk(), host=FakeHost(kept), **{**parts(), **kwargs})
        async with scene:
            await scene.until(seconds)
        return scene

    return run_virtual(run())


def parts() -> dict[str, Any]:
    """Models of their own for each life."""
    return {
        "tts": FakeTTS(),
        "vad": FakeVAD(),
        "stt": FakeSTT(),
        "llm": FakeLLM(default="Yes."),
        "user_away_timeout": None,
    }


def test_history_is_there_again() -> None:
    """And nobody is greeted twice."""

    async def talk(scene: Scene) -> None:
        await scene.session.run(user_input="Hello.")

    agent = Desk()
    scene = second_life(first_life(talk, llm=FakeLLM(["Good day."])), agent)

    assert scene.history() == ["handoff:  -> desk", "user: Hello.", "assistant: Good day."]
    assert agent.seen == []
    assert [message.text_content for message in agent.chat_ctx.messages()] == [
        "Hello.",
        "Good day.",
    ]


def test_the_interrupted_sentence_is_said_again_from_its_start() -> None:
    """Sentences that were heard whole are in the history, and not said again."""

    async def talk(scene: Scene) -> None:
        scene.session.say(STORY)
        await scene.until(1.8)

    scene = second_life(first_life(talk))

    assert scene.history()[1:] == [
        "assistant: Once there was a king. /",
        "assistant: He lived in a castle. It was very old and very cold.",
    ]
    assert scene.loudspeaker.segments[0].started_at == 0.0


def test_a_turn_whose_reply_had_not_begun_is_answered() -> None:
    """The model is asked again."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="How are you?")
        await scene.until(1.0)

    kept = first_life(talk, llm=FakeLLM(["Fine."], ttft=5.0))
    scene = second_life(kept, llm=FakeLLM(["Fine, thank you."]))

    assert scene.history()[1:] == ["user: How are you?", "assistant: Fine, thank you."]


def test_who_had_the_word_has_it_again() -> None:
    """An agent that can be made without arguments is, with its attributes."""

    async def talk(scene: Scene) -> None:
        scene.session.update_agent(Garden(["rose", "oak"]))
        await scene.session.wait_for_idle()

    scene = second_life(first_life(talk))

    assert scene.history()[-1] == "handoff: desk -> garden"
    agent = scene.final_agent
    assert isinstance(agent, Garden)
    assert agent.plants == ["rose", "oak"]


def test_an_agent_that_needs_arguments_is_made_without_its_constructor() -> None:
    """Its instructions, attributes and tools are there, and the log says what is missing."""

    async def talk(scene: Scene) -> None:
        await scene.session.run(user_input="The kitchen, please.")

    kept = first_life(talk, llm=FakeLLM([FakeCall("transfer")]))

    llm = FakeLLM([FakeCall("serve"), "Here you are."])
    scene = second_life(kept, llm=llm)

    assert scene.lines("tools") == ["tools: serve({}) = one soup"]
    assert llm.requests[0].chat_ctx.messages()[0].text_content == "You cook soup."


def test_an_agent_whose_class_is_gone_leaves_the_word_to_the_first() -> None:
    """As after a change of the code; the history stays."""

    class Local(Agent):
        """In no module: nobody finds it again."""

    async def talk(scene: Scene) -> None:
        scene.session.update_agent(Local(instructions="x"))
        await scene.session.wait_for_idle()

    scene = second_life(first_life(talk))

    assert isinstance(scene.final_agent, Desk)
    assert scene.history()[-1] == "handoff: desk -> local"


def test_a_call_with_unknown_outcome_is_not_made_again() -> None:
    """The model is told so, and says something to the user."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Pay!")
        await scene.until(1.0)

    kept = first_life(talk, llm=FakeLLM([FakeCall("pay")]))
    agent, llm = Desk(), FakeLLM(["I don't know whether it worked."])
    scene = second_life(kept, agent, llm=llm)

    assert agent.seen == []
    assert [call.name for call in agent.resumed[0].unfinished_calls] == ["pay"]
    outputs = [
        item for item in llm.requests[0].chat_ctx.items if item.type == "function_call_output"
    ]
    assert "outcome is unknown" in outputs[0].output
    assert scene.history()[1:] == ["user: Pay!", "assistant: I don't know whether it worked."]


def test_an_idempotent_call_is_made_again() -> None:
    """And its result answered, once."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Look!")
        await scene.until(1.0)

    kept = first_life(talk, llm=FakeLLM([FakeCall("look")]))
    llm = FakeLLM(["I see it."])
    scene = second_life(kept, Desk(slow=False), llm=llm)

    assert scene.lines("tools") == ["tools: look({}) = seen"]
    assert scene.history()[1:] == ["user: Look!", "assistant: I see it."]
    assert len(llm.requests) == 1


def test_a_call_that_had_ended_is_not_made_again() -> None:
    """Though another of the same reply was still at work, and neither was in the history."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Look and pay!")
        await scene.until(1.0)

    both = FakeReply(calls=(FakeCall("look"), FakeCall("pay")))
    kept = first_life(talk, Desk(slow=False), llm=FakeLLM([both]))
    agent, llm = Desk(), FakeLLM(["Hm."])
    second_life(kept, agent, llm=llm)

    told = [
        item.output
        for item in llm.requests[0].chat_ctx.items
        if item.type == "function_call_output"
    ]
    assert told[0] == "seen"
    assert "outcome is unknown" in told[1]
    assert agent.seen == []


def test_a_task_on_loan_is_over() -> None:
    """Whoever awaited it is gone: the agent below has the word, its call unfinished."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Ask me.")
        await scene.until(1.0)

    kept = first_life(talk, llm=FakeLLM([FakeCall("ask")]))
    agent = Desk()
    second_life(kept, agent)

    assert [call.name for call in agent.resumed[0].unfinished_calls] == ["ask"]


def test_userdata_is_filled_in_place() -> None:
    """The app may hold on to the object that it gave."""

    async def talk(scene: Scene) -> None:
        scene.session.userdata.name = "Ada"
        scene.session.userdata.orders.append("tea")
        await scene.session.run(user_input="Hello.")

    guest = Guest()
    second_life(first_life(talk, userdata=Guest()), userdata=guest)

    assert guest == Guest(name="Ada", orders=["tea"])


def test_userdata_that_can_not_be_remembered_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The conversation goes on without it."""

    async def talk(scene: Scene) -> None:
        await scene.session.run(user_input="Hello.")
        await scene.session.run(user_input="And again.")

    with caplog.at_level(logging.WARNING):
        kept = first_life(talk, userdata=object())
    mark = object()
    scene = second_life(kept, userdata=mark)

    told = [r.what for r in caplog.records if getattr(r, "action", "") == "session_state_lost"]  # type: ignore[attr-defined]
    assert sorted(told) == ["Desk.lock", "userdata"]
    assert scene.session.userdata is mark
    assert len(scene.history()) == 5


@pytest.mark.parametrize("kept", [b"\xc1", b"\x81\xa7version\x63", msgspec.msgpack.encode([1])])
def test_a_snapshot_that_can_not_be_read_begins_anew(
    kept: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With one line in the log, and the agent's greeting."""
    agent = Desk()

    with caplog.at_level(logging.ERROR):
        scene = second_life(kept, agent)

    assert agent.seen == ["enter"]
    assert scene.history() == ["handoff:  -> desk"]
    assert [r.action for r in caplog.records] == ["conversation_lost"]  # type: ignore[attr-defined]


def test_a_session_that_was_closed_is_not_gone_on_with() -> None:
    """Its job may live on."""

    async def run() -> bytes:
        host = FakeHost()
        async with Scene(Desk(), host=host, **parts()) as scene:
            await scene.session.run(user_input="Hello.")
        await asyncio.sleep(0)
        return host.kept

    assert run_virtual(run()) == b""


def test_only_the_first_session_of_a_job_is_remembered() -> None:
    """A second one does not overwrite it."""

    async def run() -> bytes:
        host = FakeHost()
        async with Scene(Desk(), host=host, **parts()) as first:
            await first.session.run(user_input="First.")
            kept = host.kept
            async with Scene(Desk(), host=host, **parts()) as second:
                await second.session.run(user_input="Second.")
            assert host.kept == kept
        return kept

    assert b"First." in run_virtual(run())


def test_a_conversation_may_be_lost_and_found_more_than_once() -> None:
    """The second snapshot is as good as the first."""

    async def talk(scene: Scene) -> None:
        await scene.session.run(user_input="One.")

    kept = first_life(talk)

    async def again(scene: Scene) -> None:
        await scene.session.run(user_input="Two.")

    host_kept = _life(kept, again)
    scene = second_life(host_kept)

    assert scene.history()[1:] == [
        "user: One.",
        "assistant: Yes.",
        "user: Two.",
        "assistant: Yes.",
    ]


def _life(kept: bytes, scenario: Scenario) -> bytes:
    host = FakeHost(kept)
    left = []

    async def run() -> None:
        scene = Scene(Desk(), host=host, **parts())
        await scene.__aenter__()
        await scenario(scene)
        await asyncio.sleep(0)
        left.append(host.kept)
        await scene.session.aclose()

    run_virtual(run())
    return left[0]
