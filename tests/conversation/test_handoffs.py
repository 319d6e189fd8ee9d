"""Who has the word: handoffs by tools and by code, and tasks on loan."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentd.errors import SessionError, ToolError
from agentd.llm import ChatContext, Toolset, function_tool
from agentd.testing import FakeCall, FakeLLM, FakeReply, FakeSTT, FakeTTS, FakeVAD, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.context import RunContext
from agentd.voice.tasks import AgentTask


class Sales(Agent):
    """The agent that others hand over to."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(instructions="You sell.", **kwargs)
        self.seen: list[str] = []

    async def on_enter(self) -> None:
        self.seen.append("enter")
        await self.session.generate_reply(instructions="Greet.")

    async def on_exit(self) -> None:
        self.seen.append("exit")


class Desk(Agent):
    """The first agent."""

    def __init__(self, sales: Agent | None = None, **kwargs: Any) -> None:
        super().__init__(instructions="You are the desk.", **kwargs)
        self.sales = sales or Sales()
        self.seen: list[str] = []

    async def on_exit(self) -> None:
        self.seen.append("exit")

    @function_tool
    async def transfer(self) -> Agent:
        """Hand over without a word."""
        return self.sales

    @function_tool
    async def transfer_politely(self) -> tuple[Agent, str]:
        """Hand over and say so."""
        return self.sales, "Handing over."

    @function_tool
    async def transfer_twice(self) -> tuple[Agent, Agent]:
        """A mistake."""
        return self.sales, Sales()


class AskName(AgentTask[str]):
    """Asks for a name until it has one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(instructions="Ask for the name.", **kwargs)

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Ask.")

    @function_tool
    async def got_name(self, name: str) -> None:
        """The user has said it."""
        self.complete(name)


class Host(Agent):
    """Greets people by name, which a task finds out."""

    def __init__(self, task: AgentTask[str] | None = None) -> None:
        super().__init__(instructions="You are the host.")
        self.task = task or AskName()

    @function_tool
    async def greet(self) -> str:
        """Greet somebody by name."""
        return f"hello {await self.task}"


def talk(agent: Agent, llm: FakeLLM, *inputs: str) -> Scene:
    """Run inputs one after the other."""

    async def scenario() -> Scene:
        async with Scene(agent, llm=llm, text_only=True) as scene:
            for text in inputs:
                await scene.session.run(user_input=text)
        return scene

    return run_virtual(scenario())


def test_a_tool_hands_over_without_a_word() -> None:
    """The new agent enters when the old one has left, and the model is not asked in between."""
    llm = FakeLLM([FakeCall("transfer"), "Welcome to sales."])
    desk = Desk()

    scene = talk(desk, llm, "I want to buy.")

    assert scene.history() == [
        "handoff:  -> desk",
        "user: I want to buy.",
        "handoff: desk -> sales",
        "assistant: Welcome to sales.",
    ]
    assert desk.seen == ["exit"]
    assert len(llm.requests) == 2


def test_a_tool_hands_over_with_a_word() -> None:
    """The old agent says something about the output, without tools, and leaves then."""
    llm = FakeLLM([FakeCall("transfer_politely"), "One moment.", "Welcome to sales."])

    scene = talk(Desk(), llm, "I want to buy.")

    assert scene.history()[2:] == [
        "assistant: One moment.",
        "handoff: desk -> sales",
        "assistant: Welcome to sales.",
    ]
    assert llm.requests[1].tool_choice == "none"


def test_a_tool_that_names_two_agents_names_none() -> None:
    """The model is told, and the agent stays."""
    llm = FakeLLM([FakeCall("transfer_twice"), "That went wrong."])

    scene = talk(Desk(), llm, "I want to buy.")

    assert scene.history()[-1] == "assistant: That went wrong."
    assert "two agents" in scene.lines("tools")[0]


def test_a_run_lists_the_handoff() -> None:
    """Between the output and what the new agent says."""
    llm = FakeLLM([FakeCall("transfer"), "Welcome."])

    async def scenario() -> None:
        async with Scene(Desk(), llm=llm, text_only=True) as scene:
            result = await scene.session.run(user_input="Sales, please.")
            result.expect.skip_next(2)
            result.expect.next_event().is_agent_handoff(new_agent_type=Sales)
            result.expect.next_event().is_message(role="assistant")
            result.expect.no_more_events()

    run_virtual(scenario())


def test_code_hands_over() -> None:
    """`update_agent` returns at once; the next reply is the new agent's."""
    llm = FakeLLM(["Welcome.", "What colour?"])

    async def scenario() -> list[str]:
        async with Scene(Desk(), llm=llm, text_only=True) as scene:
            scene.session.update_agent(Sales())
            await scene.session.wait_for_idle()
            await scene.session.run(user_input="A car.")
            return scene.history()

    assert run_virtual(scenario())[1:] == [
        "handoff: desk -> sales",
        "assistant: Welcome.",
        "user: A car.",
        "assistant: What colour?",
    ]


def test_the_new_agent_knows_what_it_was_given_and_no_more() -> None:
    """Each agent has a history of its own; the session's has everything."""
    llm = FakeLLM(["Hi.", FakeCall("transfer"), "Welcome.", "Yes."])

    talk(Desk(), llm, "Hello.", "Sales, please.", "Well?")

    told = [item.text_content for item in llm.requests[-1].chat_ctx.items if item.type == "message"]
    assert told == ["You sell.", "Welcome.", "Well?"]


def test_an_agent_that_can_not_enter_leaves_the_word_to_the_one_before() -> None:
    """A toolset that can't be set up costs the handoff, not the call."""

    class Broken(Toolset):
        async def setup(self) -> Broken:
            raise OSError("no connection")

    llm = FakeLLM([FakeCall("transfer"), "I am still here."])
    desk = Desk(Sales(tools=[Broken(id="broken")]))

    scene = talk(desk, llm, "Sales, please.", "Hello?")

    assert scene.history()[-1] == "assistant: I am still here."


def test_what_is_said_while_the_next_agent_gets_ready_is_heard() -> None:
    """Its toolset takes a second, and the user does not wait for it."""

    class Slow(Toolset):
        async def setup(self) -> Slow:
            await asyncio.sleep(1.0)
            return self

    class Ready(Agent):
        """Says nothing of itself."""

    async def scenario() -> list[str]:
        scene = Scene(
            Desk(),
            llm=FakeLLM(default="Yes."),
            stt=FakeSTT(["hello there"]),
            vad=FakeVAD(),
            tts=FakeTTS(),
            user_away_timeout=None,
        )
        async with scene:
            await scene.until(0.5)
            scene.session.update_agent(Ready(instructions="x", tools=[Slow(id="slow")]))
            scene.mic.speak(0.8, start_in=0.1)
            await scene.until(6.0)
        return scene.history()

    assert run_virtual(scenario())[1:] == [
        "handoff: desk -> ready",
        "user: hello there",
        "assistant: Yes.",
    ]


def test_toolsets_are_set_up_and_closed_with_their_agent() -> None:
    """Once each, in good order."""

    class Line(Toolset):
        def __init__(self) -> None:
            super().__init__(id="line")
            self.seen: list[str] = []

        async def setup(self) -> Line:
            self.seen.append("setup")
            return self

        async def aclose(self) -> None:
            self.seen.append("closed")

    line = Line()
    llm = FakeLLM([FakeCall("transfer"), "Welcome."])

    talk(Desk(tools=[line]), llm, "Sales, please.")

    assert line.seen == ["setup", "closed"]


def test_toolsets_of_a_session_live_as_long_as_it() -> None:
    """Whichever agent has the word; those that are put in its place meanwhile from then on."""
    seen: list[str] = []

    class Line(Toolset):
        async def setup(self) -> Line:
            seen.append(f"{self.id} set up")
            return self

        async def aclose(self) -> None:
            seen.append(f"{self.id} closed")

    async def scenario() -> None:
        async with Scene(Desk(), llm=FakeLLM(), tools=[Line(id="first")]) as scene:
            scene.session.update_agent(Desk())
            await scene.until(1.0)
            await scene.session.update_tools([Line(id="second")])
            seen.append("ends")

    run_virtual(scenario())

    assert seen == ["first set up", "second set up", "first closed", "ends", "second closed"]


def test_a_task_has_the_word_until_it_has_a_result() -> None:
    """The tool that awaits it goes on with the result, and the agent knows what was said."""
    llm = FakeLLM(
        [
            FakeCall("greet"),
            "What is your name?",
            FakeCall("got_name", {"name": "Ada"}),
            "Hello Ada, nice to meet you.",
        ]
    )

    async def scenario() -> tuple[Scene, Host]:
        host = Host()
        async with Scene(host, llm=llm, text_only=True) as scene:
            first = scene.session.generate_reply(user_input="Greet me.")
            await asyncio.sleep(1.0)
            scene.record.append((0.0, f"word: {scene.session.current_agent.id}"))
            await scene.session.generate_reply(user_input="I am Ada.")
            await first
            scene.record.append((0.0, f"word: {scene.session.current_agent.id}"))
        return scene, host

    scene, host = run_virtual(scenario())

    assert scene.lines("word") == ["word: ask_name", "word: host"]
    # The task's model is not told of the call that waits for the task.
    assert {item.type for item in llm.requests[1].chat_ctx.items} == {"message"}
    assert scene.history() == [
        "handoff:  -> host",
        "user: Greet me.",
        "handoff: host -> ask_name",
        "assistant: What is your name?",
        "user: I am Ada.",
        "handoff: ask_name -> host",
        "assistant: Hello Ada, nice to meet you.",
    ]
    known = [item for item in host.chat_ctx.items if item.type == "function_call"]
    assert [call.name for call in known] == ["greet"]
    said = [message.text_content for message in host.chat_ctx.messages()]
    assert "I am Ada." in said


@pytest.mark.parametrize("aloud", [False, True])
def test_what_the_user_says_to_a_task_leaves_the_reply_below_alone(aloud: bool) -> None:
    """Written or spoken: it interrupts the task's words, not the reply that waits for the task."""
    llm = FakeLLM(
        [
            FakeReply(text="One moment.", calls=(FakeCall("greet"),)),
            "What is your name?",
            FakeCall("got_name", {"name": "Ada"}),
            "Hello Ada.",
        ]
    )

    async def scenario() -> list[str]:
        scene = Scene(
            Host(),
            llm=llm,
            tts=FakeTTS(),
            vad=FakeVAD(),
            stt=FakeSTT(["i am ada"]),
            user_away_timeout=None,
            turn_handling={"preemptive_generation": {"enabled": False}},
        )
        async with scene:
            scene.session.generate_reply(user_input="Greet me.")
            await scene.until(3.0)
            if aloud:
                scene.mic.speak(1.0)
            else:
                scene.session.take_text("i am ada")
            await scene.until(9.0)
        return scene.history()

    assert run_virtual(scenario())[-2:] == ["handoff: ask_name -> host", "assistant: Hello Ada."]


def test_a_task_that_is_cancelled_is_an_error_of_the_tool() -> None:
    """Which the model is told."""
    llm = FakeLLM([FakeCall("greet"), "What is your name?", "Then not."])
    task = AskName()

    async def scenario() -> Scene:
        async with Scene(Host(task), llm=llm, text_only=True) as scene:
            first = scene.session.generate_reply(user_input="Greet me.")
            await asyncio.sleep(1.0)
            task.cancel()
            await first
        return scene

    scene = run_virtual(scenario())

    assert "was cancelled" in scene.lines("tools: greet")[0]
    assert scene.history()[-1] == "assistant: Then not."


def test_a_task_may_fail_with_an_error_of_its_own() -> None:
    """It is raised where the task is awaited."""

    class Failing(AgentTask[str]):
        async def on_enter(self) -> None:
            self.complete(ToolError("No name to be had."))

    llm = FakeLLM([FakeCall("greet"), "Never mind."])

    scene = talk(Host(Failing(instructions="x")), llm, "Greet me.")

    assert "No name to be had." in scene.lines("tools: greet")[0]


def test_two_tools_that_want_a_task_have_it_one_after_the_other() -> None:
    """The second task begins when the first one is done."""

    class Pair(Agent):
        @function_tool
        async def first(self) -> str:
            """One."""
            return await AskName(id="one")

        @function_tool
        async def second(self) -> str:
            """Two."""
            return await AskName(id="two")

    llm = FakeLLM(
        [
            FakeReply(calls=(FakeCall("first"), FakeCall("second"))),
            "Name one?",
            FakeCall("got_name", {"name": "Ada"}),
            "Name two?",
            FakeCall("got_name", {"name": "Bob"}),
            "Ada and Bob.",
        ]
    )

    async def scenario() -> list[str]:
        async with Scene(Pair(instructions="x"), llm=llm, text_only=True) as scene:
            reply = scene.session.generate_reply(user_input="Who is there?")
            await asyncio.sleep(1.0)
            await scene.session.generate_reply(user_input="Ada")
            await asyncio.sleep(1.0)
            await scene.session.generate_reply(user_input="Bob")
            await reply
            return [line for line in scene.history() if line.startswith("handoff")]

    assert run_virtual(scenario())[1:] == [
        "handoff: pair -> one",
        "handoff: one -> pair",
        "handoff: pair -> two",
        "handoff: two -> pair",
    ]


def test_a_task_in_on_enter_comes_before_the_agents_own_words() -> None:
    """The agent goes on in its hook with the result."""

    class Careful(Agent):
        async def on_enter(self) -> None:
            name = await AskName()
            await self.session.say(f"Hello {name}")

    llm = FakeLLM(["Who is it?", FakeCall("got_name", {"name": "Ada"})])

    async def scenario() -> list[str]:
        async with Scene(Careful(instructions="x"), llm=llm, text_only=True) as scene:
            await asyncio.sleep(1.0)
            await scene.session.generate_reply(user_input="It is me, Ada.")
            await scene.session.wait_for_idle()
            return scene.history()

    assert run_virtual(scenario())[-1] == "assistant: Hello Ada"


def test_a_task_outside_of_a_tool_is_refused() -> None:
    """Nobody would be silent meanwhile."""

    async def scenario() -> None:
        async with Scene(Host(), llm=FakeLLM(), text_only=True):
            await AskName()

    with pytest.raises(SessionError, match="inside a tool"):
        run_virtual(scenario())


def test_a_handoff_from_within_a_task_ends_it() -> None:
    """Whoever awaited it hears so; each agent leaves once."""

    class Leaving(AskName):
        def __init__(self) -> None:
            super().__init__()
            self.exits = 0

        async def on_exit(self) -> None:
            self.exits += 1

        @function_tool
        async def away(self) -> Agent:
            """Hand over to sales."""
            return Sales(id="sales_desk")

    task = Leaving()
    llm = FakeLLM(
        [
            FakeCall("greet"),
            "What is your name?",
            FakeCall("away"),
            "Never mind then.",
            "Welcome to sales.",
        ]
    )

    async def scenario() -> list[str]:
        async with Scene(Host(task), llm=llm, text_only=True) as scene:
            scene.session.generate_reply(user_input="Greet me.")
            await asyncio.sleep(1.0)
            scene.session.generate_reply(user_input="No, sales.")
            await asyncio.sleep(3.0)
            return scene.history()

    history = run_virtual(scenario())

    assert history[-2:] == ["handoff: host -> sales_desk", "assistant: Welcome to sales."]
    assert task.exits == 1


def test_a_task_that_can_not_enter_is_an_error_of_the_tool() -> None:
    """The agent that awaited it has the word again."""

    class Broken(Toolset):
        async def setup(self) -> Broken:
            raise OSError("no connection")

    llm = FakeLLM([FakeCall("greet"), "That went wrong.", "Still here."])

    scene = talk(Host(AskName(tools=[Broken(id="b")])), llm, "Greet me.", "Hello?")

    assert scene.history()[-1] == "assistant: Still here."


def test_a_task_is_awaited_once() -> None:
    """A second time another one is to be made."""

    class Twice(Agent):
        @function_tool
        async def both(self) -> str:
            """Awaits it twice."""
            task = Done(instructions="x")
            return await task + await task

    class Done(AgentTask[str]):
        async def on_enter(self) -> None:
            self.complete("done")

    llm = FakeLLM([FakeCall("both"), "Hm."])

    scene = talk(Twice(instructions="x"), llm, "Go.")

    assert scene.lines("tools: both") == ["tools: both({}) = An internal error occurred"]


def test_closing_ends_a_task_on_loan() -> None:
    """Its tool fails, and the session closes without waiting for a name."""
    llm = FakeLLM([FakeCall("greet"), "What is your name?"])

    async def scenario() -> float:
        async with Scene(Host(), llm=llm, text_only=True) as scene:
            scene.session.generate_reply(user_input="Greet me.")
            await asyncio.sleep(1.0)
            await scene.session.aclose()
            assert scene.lines("close") == ["close: user_initiated"]
        return asyncio.get_running_loop().time()

    assert run_virtual(scenario()) < 3.0


def test_a_session_chat_context_may_be_handed_on() -> None:
    """As a user would: the new agent starts with what the old one knew."""

    class Next(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply()

    class First(Agent):
        @function_tool
        async def go(self, context: RunContext[Any]) -> Agent:
            """Hand over with everything."""
            known = self.chat_ctx.copy(exclude_instructions=True, exclude_function_call=True)
            return Next(instructions="You go on.", chat_ctx=known)

    llm = FakeLLM([FakeCall("go"), "I know."])

    talk(First(instructions="x"), llm, "My name is Ada.")

    told: ChatContext = llm.requests[-1].chat_ctx
    assert [message.text_content for message in told.messages()] == [
        "You go on.",
        "My name is Ada.",
    ]
