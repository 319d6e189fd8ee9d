"""A conversation leaves its process for new code: at a good moment, and what it comes back with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.aio.timing import now
from agentd.llm import ChatContext, ChatMessage, ToolFlag, function_tool
from agentd.protocol.job import ResumeReason
from agentd.testing import FakeCall, FakeHost, FakeLLM, FakeSTT, FakeTTS, FakeVAD, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.engine.settling import SETTLE_TIMEOUT
from agentd.voice.resume import ResumeContext
from agentd.voice.tasks import AgentTask

Scenario = Callable[[Scene], Awaitable[None]]


class Desk(Agent):
    """At this version of its code."""

    def __init__(self, instructions: str = "You are version 1.") -> None:
        super().__init__(instructions=instructions)
        self.counter = 0
        self.resumed: list[ResumeContext] = []

    async def on_resume(self, ctx: ResumeContext) -> None:
        self.resumed.append(ctx)
        await super().on_resume(ctx)

    @function_tool
    async def pay(self, seconds: float) -> str:
        """Must not be cut off."""
        await asyncio.sleep(seconds)
        return "paid"

    @function_tool(flags=ToolFlag.IDEMPOTENT)
    async def look(self) -> str:
        """May be done twice."""
        await asyncio.sleep(100.0)
        return "seen"


def leaving(scenario: Scenario, agent: Agent | None = None, **kwargs: Any) -> tuple[float, str]:
    """After a scenario the job is asked for: how long it takes, and why it stays if it does."""
    return left_behind(scenario, agent, **kwargs)[:2]


def left_behind(
    scenario: Scenario, agent: Agent | None = None, **kwargs: Any
) -> tuple[float, str, bytes]:
    """The same, with the snapshot."""

    async def run() -> tuple[float, str, bytes]:
        host = FakeHost()
        async with Scene(agent or Desk(), host=host, **{**parts(), **kwargs}) as scene:
            await scenario(scene)
            assert host.settle is not None
            asked_at = now()
            why = await host.settle()
            await asyncio.sleep(0)
            return round(now() - asked_at, 2), why, host.kept

    return run_virtual(run())


def parts() -> dict[str, Any]:
    """Models of their own for each life."""
    return {
        "tts": FakeTTS(),
        "vad": FakeVAD(),
        "stt": FakeSTT(["hello there"]),
        "llm": FakeLLM(default="Yes."),
        "user_away_timeout": None,
    }


def come_back(kept: bytes, agent: Agent, *, reason: ResumeReason = "swap", **kwargs: Any) -> Scene:
    """Begin with what was left."""

    async def run() -> Scene:
        host = FakeHost(kept, reason=reason)
        async with Scene(agent, host=host, **{**parts(), **kwargs}) as scene:
            await scene.until(6.0)
        return scene

    return run_virtual(run())


# -- the moment -----------------------------------------------------------------------------


def test_a_quiet_conversation_leaves_at_once() -> None:
    """There is nothing to wait for."""

    async def talk(scene: Scene) -> None:
        await scene.session.run(user_input="Hello.")

    assert leaving(talk) == (0.0, "")


def test_an_agent_that_speaks_is_not_waited_for() -> None:
    """It says its sentence again."""

    async def talk(scene: Scene) -> None:
        scene.session.say("A sentence of forty characters, exactly.")
        await scene.until(0.5)

    assert leaving(talk) == (0.0, "")


def test_a_user_who_speaks_is_heard_out() -> None:
    """His turn is in the history before the conversation leaves."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(2.0)
        await scene.until(1.0)

    seconds, why, kept = left_behind(talk)

    assert 1.0 <= seconds < SETTLE_TIMEOUT
    assert why == ""
    assert b"hello there" in kept


def test_a_user_who_speaks_on_is_cut_short_and_nothing_that_he_said_is_lost() -> None:
    """After the time that there is; the new code answers."""

    async def talk(scene: Scene) -> None:
        scene.mic.speak(60.0)
        await scene.until(1.0)

    seconds, why, kept = left_behind(talk)

    assert SETTLE_TIMEOUT <= seconds <= SETTLE_TIMEOUT + 2.2
    assert (why, b"hello there" in kept) == ("", True)


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        (3.0, (2.0, "")),
        (60.0, (SETTLE_TIMEOUT, "a tool is at work that must not be cut off: pay")),
    ],
)
def test_a_tool_that_must_not_be_cut_off_is_waited_for(
    takes: float, expected: tuple[float, str]
) -> None:
    """But not for ever: then the conversation stays."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Pay!")
        await scene.until(1.0)

    llm = FakeLLM([FakeCall("pay", {"seconds": takes}), "Paid."])
    assert leaving(talk, llm=llm) == expected


def test_a_tool_that_may_be_called_twice_is_not_waited_for() -> None:
    """It is called again."""

    async def talk(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Look!")
        await scene.until(1.0)

    assert leaving(talk, llm=FakeLLM([FakeCall("look")])) == (0.0, "")


class Form(Desk):
    """Asks for something first, and goes on with it."""

    async def on_enter(self) -> None:
        await Ask(instructions="Ask for a name.")


class Ask(AgentTask[str]):
    """Has the word for a while."""


def test_a_task_that_has_the_word_is_not_cut_off() -> None:
    """The code that waits for its result would never go on."""

    async def talk(scene: Scene) -> None:
        await scene.until(1.0)

    assert leaving(talk, Form()) == (
        SETTLE_TIMEOUT,
        "a task has the word, and code waits for its result: ask",
    )


class Slow(Desk):
    """Looks long at what the user says."""

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        await asyncio.sleep(float(self.counter))


@pytest.mark.parametrize(
    ("takes", "left_after", "expected"),
    [
        (3, 3.0, ""),
        (20, 5.0, "the app is looking at what the user has said (on_user_turn_completed)"),
    ],
)
def test_what_the_user_said_is_in_the_history_first(
    takes: int, left_after: float, expected: str
) -> None:
    """It is nowhere else yet while the app looks at it."""

    async def talk(scene: Scene) -> None:
        assert isinstance(scene.agent, Slow)
        scene.agent.counter = takes
        scene.mic.speak(1.0)
        await scene.until(3.0)
        assert any("hello there" in line for line in scene.lines("heard"))

    seconds, why, kept = left_behind(talk, Slow())

    assert (why, b"hello there" in kept) == (expected, not expected)
    assert seconds <= left_after


def test_a_session_that_is_closed_does_not_leave() -> None:
    """What is over is not gone on with."""

    async def talk(scene: Scene) -> None:
        await scene.session.aclose()

    assert leaving(talk)[1] == "its session is closed"


# -- what it comes back with -----------------------------------------------------------------


async def _count(scene: Scene) -> None:
    assert isinstance(scene.agent, Desk)
    scene.agent.counter = 7
    scene.session.userdata.append("apples")
    await scene.session.run(user_input="Hello.")


def test_the_agent_is_told_what_the_new_code_says() -> None:
    """Its attributes, history and userdata are those of the conversation."""
    kept = left_behind(_count, userdata=[])[2]
    agent, basket = Desk("You are version 2."), list[str]()
    llm = FakeLLM(["As version 2."])

    scene = come_back(kept, agent, userdata=basket, llm=llm)

    assert agent.instructions == "You are version 2."
    assert (agent.counter, basket) == (7, ["apples"])
    assert [context.reason for context in agent.resumed] == ["swap"]
    assert scene.history()[1:] == ["user: Hello.", "assistant: Yes."]


def test_after_a_crash_the_agent_is_what_it_was() -> None:
    """It was the same code that made it, with arguments that may have been others."""
    kept = left_behind(_count, userdata=[])[2]
    agent = Desk("You are version 2.")

    come_back(kept, agent, reason="crash", userdata=[])

    assert agent.instructions == "You are version 1."
    assert [context.reason for context in agent.resumed] == ["crash"]


def test_a_file_that_is_a_script_only_now_has_the_same_agents(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their classes are of the module `__main__` then, and of one of its own before, or after."""
    kept = left_behind(_count, userdata=[])[2]
    monkeypatch.setattr(Desk, "__module__", "__main__")
    agent = Desk()

    scene = come_back(kept, agent, userdata=[])

    assert scene.final_agent is agent
    assert agent.counter == 7
    assert "agent_not_restored" not in [getattr(r, "action", "") for r in caplog.records]


def test_instructions_that_the_conversation_has_changed_stay_changed() -> None:
    """Through two swaps: the code never knew them."""

    async def change(scene: Scene) -> None:
        await scene.agent.update_instructions("You speak French now.")
        await scene.session.run(user_input="Hello.")

    async def go_on(scene: Scene) -> None:
        await scene.session.run(user_input="And?")

    kept = left_behind(change)[2]
    agent = Desk("You are version 2.")

    async def second() -> bytes:
        host = FakeHost(kept, reason="swap")
        async with Scene(agent, host=host, **parts()) as scene:
            await go_on(scene)
            await asyncio.sleep(0)
            return host.kept

    third = Desk("You are version 3.")
    come_back(run_virtual(second()), third)

    assert agent.instructions == third.instructions == "You speak French now."
