"""Conversations in writing: no audio, no room, only a model and its tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

import pytest

from agentd.aio.timing import now
from agentd.errors import APIConnectionError, SessionError
from agentd.llm import (
    ChatContext,
    StopResponse,
    Tool,
    ToolError,
    ToolFlag,
    Toolset,
    function_tool,
)
from agentd.testing import FakeCall, FakeHost, FakeLLM, FakeReply, Fault, Misbehaviour, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.context import RunContext
from agentd.voice.default_nodes import ModelSettings
from agentd.voice.run_result import RunResult
from agentd.voice.session import AgentSession


class Clerk(Agent):
    """Looks up prices, and whatever else a test wants."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(instructions="You are a clerk.", **kwargs)
        self.calls: list[str] = []

    @function_tool
    async def price(self, ctx: RunContext[Any], item: str) -> str:
        """Tell what something costs.

        Args:
            item: What.
        """
        self.calls.append(item)
        await asyncio.sleep(1.0)
        return f"{item} costs 3"

    @function_tool
    async def note(self, text: str) -> None:
        """Write something down."""
        self.calls.append(text)

    @function_tool
    async def refuse(self) -> str:
        """Does not work."""
        raise ToolError("The till is locked.")

    @function_tool
    async def crash(self) -> str:
        """Does not work either."""
        raise KeyError("secret")

    @function_tool
    async def quiet(self) -> str:
        """Says nothing."""
        raise StopResponse

    @function_tool
    async def odd(self) -> object:
        """Returns what can't be told."""
        return object()


def ask(
    llm: FakeLLM,
    *inputs: str,
    agent: Agent | None = None,
    before: Callable[[Scene], Awaitable[None]] | None = None,
    **session: Any,
) -> tuple[Scene, list[RunResult[Any]]]:
    """Run inputs one after the other; the scene, and the results."""

    async def scenario() -> tuple[Scene, list[RunResult[Any]]]:
        async with Scene(agent or Clerk(), llm=llm, text_only=True, **session) as scene:
            if before is not None:
                await before(scene)
            results = [await scene.session.run(user_input=text) for text in inputs]
        return scene, results

    return run_virtual(scenario())


def told(llm: FakeLLM, number: int = -1) -> list[str]:
    """What the model was told, a line an item."""
    lines = []
    for item in llm.requests[number].chat_ctx.items:
        match item.type:
            case "message":
                lines.append(f"{item.role}: {item.text_content}")
            case "function_call":
                lines.append(f"call {item.name}")
            case "function_call_output":
                lines.append(f"output {item.output}")
    return lines


def test_a_text_is_answered() -> None:
    """The model is told what it is, and what was said; its answer is in the history."""
    llm = FakeLLM(["Hello to you."])

    scene, (result,) = ask(llm, "Hello!")

    result.expect.next_event().is_message(role="assistant")
    result.expect.no_more_events()
    assert told(llm) == ["system: You are a clerk.", "user: Hello!"]
    assert scene.history() == ["handoff:  -> clerk", "user: Hello!", "assistant: Hello to you."]
    assert scene.screen.segments == ["Hello to you."]


def test_the_conversation_grows() -> None:
    """The second question comes with the first one and its answer."""
    llm = FakeLLM(["One.", "Two."])

    ask(llm, "First?", "Second?")

    assert told(llm) == [
        "system: You are a clerk.",
        "user: First?",
        "assistant: One.",
        "user: Second?",
    ]


def test_a_tool_is_called_and_the_model_asked_again() -> None:
    """With the call and its output, as the events say."""
    llm = FakeLLM([FakeCall("price", {"item": "tea"}), "Tea is 3."])
    agent = Clerk()

    scene, (result,) = ask(llm, "Tea?", agent=agent)

    result.expect.next_event().is_function_call(name="price", arguments={"item": "tea"})
    result.expect.next_event().is_function_call_output(output="tea costs 3", is_error=False)
    result.expect.next_event().is_message(role="assistant")
    result.expect.no_more_events()
    assert agent.calls == ["tea"]
    assert told(llm)[-2:] == ["call price", "output tea costs 3"]
    assert scene.lines("tools") == ['tools: price({"item":"tea"}) = tea costs 3']


def test_tools_of_one_reply_work_side_by_side() -> None:
    """Two that take a second each take a second; calls come before outputs."""
    calls = (FakeCall("price", {"item": "tea"}), FakeCall("price", {"item": "milk"}))
    llm = FakeLLM([FakeReply(calls=calls), "Both."])

    scene, _ = ask(llm, "Tea and milk?")

    assert scene.timed("tools")[0][0] == 1.0
    assert told(llm)[-4:] == [
        "call price",
        "call price",
        "output tea costs 3",
        "output milk costs 3",
    ]


def test_words_before_a_call_are_said_and_remembered() -> None:
    """In their order."""
    llm = FakeLLM(
        [FakeReply(text="Let me see.", calls=(FakeCall("price", {"item": "tea"}),)), "3."]
    )

    _, (result,) = ask(llm, "Tea?")

    assert [event.type for event in result.events] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (FakeCall("refuse"), "The till is locked."),
        (FakeCall("crash"), "An internal error occurred"),
        (FakeCall("odd"), "An internal error occurred"),
        (FakeCall("fly"), "There is no tool 'fly'. The tools are: "),
        (FakeCall("price", {}), "item"),
        (FakeCall("price", "not json"), "The arguments must be a JSON object"),
    ],
)
def test_what_goes_wrong_with_a_call_is_told_to_the_model(call: FakeCall, output: str) -> None:
    """As an error that it can use; the conversation goes on."""
    llm = FakeLLM([call, "Sorry."])

    _, (result,) = ask(llm, "Go on.")

    error = result.expect.contains_function_call_output(is_error=True).event()
    assert output in error.item.output
    assert result.expect[-1].is_message().event().item.text_content == "Sorry."


def test_a_tool_that_returns_nothing_wants_no_reply() -> None:
    """The model is not asked again."""
    llm = FakeLLM([FakeCall("note", {"text": "eggs"})])

    _, (result,) = ask(llm, "Eggs, please.")

    assert [event.type for event in result.events] == ["function_call", "function_call_output"]
    assert len(llm.requests) == 1


def test_a_call_that_is_to_be_forgotten_is_in_no_history() -> None:
    """StopResponse: nothing is said, nothing is kept."""
    llm = FakeLLM([FakeCall("quiet")])

    scene, (result,) = ask(llm, "Psst.")

    result.expect.no_more_events()
    assert scene.history() == ["handoff:  -> clerk", "user: Psst."]


def test_after_three_rounds_of_tools_the_model_has_to_answer() -> None:
    """The fourth time it may call none."""
    llm = FakeLLM([FakeCall("price", {"item": f"{n}"}) for n in range(3)], default="Enough.")

    ask(llm, "All of it!")

    assert [request.tool_choice for request in llm.requests][-1] == "none"
    assert len(llm.requests) == 4


def test_a_tool_that_hangs_is_ended_at_its_deadline() -> None:
    """The model hears that its outcome is unknown, and the user gets an answer."""

    @function_tool
    async def hang() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return "never"

    llm = FakeLLM([FakeCall("hang"), "It takes too long."])
    agent = Agent(instructions="x", tools=[hang])

    scene, (result,) = ask(
        llm, "Go.", agent=agent, tool_handling={"timeout": 5.0}, user_away_timeout=None
    )

    error = result.expect.contains_function_call_output(is_error=True).event()
    assert "outcome is unknown" in error.item.output
    assert scene.timed("tools")[0][0] == 5.0


def test_a_tool_that_does_not_heed_its_end_is_left_behind() -> None:
    """A second after its deadline the conversation goes on without it."""

    @function_tool
    async def deaf() -> str:
        """Never ends."""
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(60.0, done.set_result, None)
        while not done.done():
            try:
                await asyncio.shield(done)
            except asyncio.CancelledError:
                continue
        return "late"

    llm = FakeLLM([FakeCall("deaf"), "Never mind."])

    scene, _ = ask(
        llm,
        "Go.",
        agent=Agent(instructions="x", tools=[deaf]),
        tool_handling={"timeout": 5.0},
    )

    assert scene.timed("tools")[0][0] == 6.0


def test_a_model_that_fails_fails_the_run() -> None:
    """After its tries; the error is an event, and counted."""
    llm = FakeLLM(faults=[Misbehaviour.RAISE] * 4)

    async def scenario() -> Scene:
        async with Scene(Clerk(), llm=llm, text_only=True) as scene:
            with pytest.raises(APIConnectionError):
                await scene.session.run(user_input="Hello?")
        return scene

    scene = run_virtual(scenario())

    assert scene.lines("error")[-1] == "error: LLMError APIConnectionError"
    assert len(llm.requests) == 4


def test_four_failures_in_a_row_end_the_session() -> None:
    """The reason is the error."""
    llm = FakeLLM(faults=[Fault(kind=Misbehaviour.RAISE, error=ValueError("broken"))] * 4)

    async def scenario() -> Scene:
        async with Scene(Clerk(), llm=llm, text_only=True) as scene:
            for _ in range(4):
                await scene.session.generate_reply(user_input="Hello?")
            await asyncio.sleep(1.0)
        return scene

    assert run_virtual(scenario()).lines("close") == ["close: error"]


def test_a_good_reply_between_failures_clears_the_count() -> None:
    """Only failures in a row count; in writing, an answer is what counts as work done."""
    fault = Fault(kind=Misbehaviour.RAISE, error=ValueError("broken"))
    llm = FakeLLM(["Fine."], faults=[fault, fault, fault, None, fault, fault, fault])

    async def scenario() -> Scene:
        async with Scene(Clerk(), llm=llm, text_only=True) as scene:
            for _ in range(7):
                await scene.session.generate_reply(user_input="Hello?")
            await asyncio.sleep(1.0)
            scene.record.append((0.0, f"alive: {scene.session.agent_state}"))
        return scene

    assert run_virtual(scenario()).lines("alive") == ["alive: listening"]


def test_a_second_run_at_once_is_refused() -> None:
    """One after the other."""

    async def scenario() -> None:
        async with Scene(Clerk(), llm=FakeLLM(default="Yes."), text_only=True) as scene:
            first = scene.session.run(user_input="One")
            with pytest.raises(SessionError, match="another run"):
                scene.session.run(user_input="Two")
            await first

    run_virtual(scenario())


def test_without_a_model_there_is_no_reply() -> None:
    """It says what is missing."""

    async def scenario() -> None:
        async with Scene(Clerk(), text_only=True) as scene:
            scene.session.generate_reply(user_input="Hello?")

    with pytest.raises(SessionError, match="llm="):
        run_virtual(scenario())


def test_a_node_may_be_the_model() -> None:
    """An agent with its own `llm_node` needs none."""

    class Echo(Agent):
        async def llm_node(
            self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
        ) -> AsyncIterator[str]:
            yield "You said: "
            yield chat_ctx.messages()[-1].text_content or ""

    async def scenario() -> list[str]:
        async with Scene(Echo(instructions=""), text_only=True) as scene:
            await scene.session.run(user_input="Hello")
            return scene.history()

    assert run_virtual(scenario())[-1] == "assistant: You said: Hello"


def test_a_node_may_return_a_text() -> None:
    """Or None, for nothing to say."""

    class Terse(Agent):
        async def llm_node(
            self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
        ) -> str | None:
            return "Yes." if chat_ctx.messages()[-1].text_content == "Well?" else None

    async def scenario() -> list[str]:
        async with Scene(Terse(instructions=""), text_only=True) as scene:
            await scene.session.run(user_input="Well?")
            await scene.session.run(user_input="And?")
            return scene.history()

    assert run_virtual(scenario())[1:] == ["user: Well?", "assistant: Yes.", "user: And?"]


def test_instructions_for_one_reply_come_last_and_are_not_kept() -> None:
    """The next reply does not know of them."""
    llm = FakeLLM(["Ahoy.", "Hello."])

    async def greet(scene: Scene) -> None:
        await scene.session.generate_reply(instructions="Speak like a sailor.")

    ask(llm, "Hi.", before=greet)

    assert told(llm, 0)[-1] == "system: Speak like a sailor."
    assert "system: Speak like a sailor." not in told(llm, 1)


def test_a_reply_may_have_some_tools_only() -> None:
    """Named ones; in `on_enter` those that are hidden there are left out."""

    class Shy(Clerk):
        async def on_enter(self) -> None:
            await self.session.generate_reply()

        @function_tool(flags=ToolFlag.IGNORE_ON_ENTER)
        async def later(self) -> str:
            """Not at first."""
            return "now"

    llm = FakeLLM(default="Yes.")

    async def choose(scene: Scene) -> None:
        await scene.session.wait_for_idle()
        await scene.session.generate_reply(tools=["price"])

    ask(llm, "Hi.", agent=Shy(), before=choose)

    offered = [sorted(tool.id for tool in request.tools) for request in llm.requests]
    assert "later" not in offered[0]
    assert offered[1] == ["price"]
    assert "later" in offered[2]


def test_tools_may_be_added_while_the_session_runs() -> None:
    """The next reply is offered them, and the history tells of it."""

    @function_tool
    async def extra() -> str:
        """Something new."""
        return "new"

    llm = FakeLLM(default="Yes.")
    agent = Clerk()

    async def add(scene: Scene) -> None:
        await agent.update_tools([*agent.tools, extra])

    scene, _ = ask(llm, "Hi.", agent=agent, before=add)

    assert "extra" in {tool.id for tool in llm.requests[0].tools}
    updates = [item for item in scene.session.history.items if item.type == "agent_config_update"]
    assert [update.tools_added for update in updates] == [["extra"]]


def test_userdata_is_at_hand_in_a_tool() -> None:
    """The same object, in both directions."""

    @function_tool
    async def count(ctx: RunContext[dict[str, int]]) -> str:
        """Count."""
        ctx.userdata["n"] += 1
        return f"{ctx.userdata['n']}"

    llm = FakeLLM([FakeCall("count"), "One more."])
    data = {"n": 41}

    ask(llm, "Count.", agent=Agent(instructions="x", tools=[count]), userdata=data)

    assert data == {"n": 42}


def test_userdata_that_was_not_set_is_an_error() -> None:
    """It says how to set it."""

    async def scenario() -> None:
        async with Scene(Clerk(), text_only=True) as scene:
            _ = scene.session.userdata

    with pytest.raises(SessionError, match="userdata="):
        run_virtual(scenario())


def test_what_the_user_writes_interrupts_and_is_answered() -> None:
    """As from a room's chat."""
    llm = FakeLLM(["A very long story.", "Short."], word_delay=1.0)

    async def scenario() -> list[str]:
        async with Scene(Clerk(), llm=llm, text_only=True) as scene:
            first = scene.session.generate_reply(user_input="Tell me.")
            await asyncio.sleep(2.5)
            await scene.session.take_text("Stop.")
            assert first.interrupted
            return scene.history()

    assert run_virtual(scenario())[1:] == [
        "user: Tell me.",
        "assistant: A very long /",
        "user: Stop.",
        "assistant: Short.",
    ]


def test_of_two_texts_at_once_both_are_in_the_history_and_the_last_is_answered() -> None:
    """The first reply is cut before it has begun; neither waits for the other."""
    llm = FakeLLM(["Both."])

    async def scenario() -> tuple[list[str], float]:
        async with Scene(Clerk(), llm=llm, text_only=True) as scene:
            began = now()
            first = scene.session.take_text("One.")
            await scene.session.take_text("Two.")
            await first
            return scene.history(), now() - began

    history, at = run_virtual(scenario())
    assert history[1:] == ["user: One.", "user: Two.", "assistant: Both."]
    assert at < 1.0


class Early(Toolset):
    """The user writes while the agent sets itself up."""

    def __init__(self, write: Callable[[], object]) -> None:
        super().__init__(id="early")
        self._write = write

    async def setup(self) -> Self:
        self._write()
        await asyncio.sleep(1.0)
        return self


class Greeter(Clerk):
    """Greets, after it has thought about it."""

    def __init__(self, *, after: float = 0.0) -> None:
        super().__init__(tools=[Early(self._write)])
        self._after = after

    def _write(self) -> None:
        assert isinstance(self.session, AgentSession)
        self.session.take_text("How much is tea?")

    async def on_enter(self) -> None:
        if self._after:
            await asyncio.sleep(self._after)
        self.session.generate_reply(instructions="Greet.")


def prompts(llm: FakeLLM) -> list[list[str]]:
    """The messages that the model was told, request by request."""
    return [
        [
            f"{item.role}: {item.text_content}"
            for item in request.chat_ctx.items
            if item.type == "message"
        ]
        for request in llm.requests
    ]


def test_what_is_written_before_the_agent_has_entered_is_answered_after_the_greeting() -> None:
    """And once: the greeting does not answer it too."""
    llm = FakeLLM(["Good morning to you.", "Three."], word_delay=0.1)

    async def scenario() -> list[str]:
        async with Scene(Greeter(), llm=llm, text_only=True) as scene:
            await scene.until(10.0)
            return scene.history()

    assert run_virtual(scenario())[1:] == ["user: How much is tea?", "assistant: Three."]
    assert prompts(llm)[-1] == ["system: You are a clerk.", "user: How much is tea?"]


def test_a_reply_that_is_asked_for_while_another_is_under_way_knows_what_that_says() -> None:
    """As a greeting that comes late: it does not answer what is being answered."""
    llm = FakeLLM(["Three, I think.", "Good morning to you."], word_delay=0.5)

    async def scenario() -> list[str]:
        async with Scene(Greeter(after=0.2), llm=llm, text_only=True) as scene:
            await scene.until(10.0)
            return scene.history()

    assert run_virtual(scenario())[1:] == [
        "user: How much is tea?",
        "assistant: Three, I think.",
        "assistant: Good morning to you.",
    ]
    assert prompts(llm)[-1][1:] == [
        "user: How much is tea?",
        "assistant: Three, I think.",
        "system: Greet.",
    ]


class Halves(Agent):
    """A node of the user's that cuts characters into halves."""

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncIterator[str]:
        for piece in ("Well \ud83d", "\ude00, and \ud83d"):
            yield piece


def test_text_that_can_not_be_encoded_is_mended() -> None:
    """Half characters of a node's, or of what the user wrote, break no history and no snapshot."""
    host = FakeHost()

    async def scenario() -> list[str]:
        async with Scene(Halves(instructions="x"), text_only=True, host=host) as scene:
            await scene.session.run(user_input="Hello \ude00!")
            await asyncio.sleep(0)
            assert b"Well" in host.kept
            return scene.history()

    assert run_virtual(scenario())[1:] == [
        "user: Hello \ufffd!",
        "assistant: Well \U0001f600, and \ufffd",
    ]
