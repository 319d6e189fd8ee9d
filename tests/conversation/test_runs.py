"""What tests of users may ask of a run: assertions, judges, mocks, outputs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Struct

from agentd.errors import ModelError, SessionError, ToolError, UnexpectedModelBehavior
from agentd.llm import function_tool
from agentd.testing import FakeCall, FakeLLM, FakeReply, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.run_result import RunResult, mock_tools
from agentd.voice.tasks import AgentTask


class Order(Struct):
    """What a run may come to."""

    item: str
    count: int


class Waiter(Agent):
    """Takes orders."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a waiter.")

    @function_tool
    async def order(self, item: str, count: int = 1) -> str:
        """Order something."""
        return f"{count} {item} ordered"


def run(
    llm: FakeLLM,
    use: Callable[[Scene], Awaitable[Any]],
    agent: Agent | None = None,
) -> Any:
    """What a user of a session in writing gets."""

    async def scenario() -> Any:
        async with Scene(agent or Waiter(), llm=llm, text_only=True) as scene:
            return await use(scene)

    return run_virtual(scenario())


def one_run(*replies: str | FakeCall | FakeReply) -> RunResult[Any]:
    """The result of one input."""

    async def use(scene: Scene) -> RunResult[Any]:
        return await scene.session.run(user_input="Two teas, please.")

    result: RunResult[Any] = run(FakeLLM(list(replies)), use)
    return result


@pytest.fixture
def ordered() -> RunResult[Any]:
    """A run with a message, a call, its output, and another message."""
    call = FakeReply(text="Sure.", calls=(FakeCall("order", {"item": "tea", "count": 2}),))
    return one_run(call, "Two teas.")


def test_events_are_asked_about_in_order(ordered: RunResult[Any]) -> None:
    """Each `next_event` goes one further."""
    expect = ordered.expect

    expect.next_event().is_message(role="assistant")
    expect.next_event().is_function_call(name="order", arguments={"item": "tea"})
    expect.next_event().is_function_call_output(output="2 tea ordered", is_error=False)
    expect.next_event().is_message()
    expect.no_more_events()


def test_a_type_passes_over_what_comes_before(ordered: RunResult[Any]) -> None:
    """And gives what may be asked of that type."""
    call = ordered.expect.next_event(type="function_call")

    assert call.event().item.name == "order"
    ordered.expect.next_event().is_function_call_output()


def test_events_may_be_skipped(ordered: RunResult[Any]) -> None:
    """By number, or if they are as told."""
    expect = ordered.expect

    assert expect.skip_next_event_if(type="function_call") is None
    assert expect.skip_next_event_if(type="message", role="assistant") is not None
    expect.skip_next(2)
    expect.next_event().is_message(role="assistant")


def test_events_may_be_had_by_their_place(ordered: RunResult[Any]) -> None:
    """From the end too, and several at once."""
    expect = ordered.expect

    expect[0].is_message(role="assistant")
    expect[-1].is_message(role="assistant")
    expect[1:3].contains_function_call(name="order")
    expect[1:3].contains_function_call_output(is_error=False)
    expect.contains_message(role="assistant")
    assert len(expect[1:3]) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda expect: expect.next_event().is_function_call(),
        lambda expect: expect[1].is_message(),
        lambda expect: expect[0].is_message(role="user"),
        lambda expect: expect[1].is_function_call(name="pay"),
        lambda expect: expect[1].is_function_call(arguments={"item": "milk"}),
        lambda expect: expect[2].is_function_call_output(output="other"),
        lambda expect: expect[2].is_function_call_output(is_error=True),
        lambda expect: expect[0].is_agent_handoff(),
        lambda expect: expect[9],
        lambda expect: expect.no_more_events(),
        lambda expect: expect.skip_next(5),
        lambda expect: expect.next_event(type="agent_handoff"),
        lambda expect: expect[2:].contains_function_call(name="order"),
        lambda expect: expect.contains_agent_handoff(),
    ],
)
def test_a_wrong_answer_shows_the_events(
    ordered: RunResult[Any], ask: Callable[[Any], object]
) -> None:
    """So that the reader sees what there was instead."""
    with pytest.raises(AssertionError, match=r"function_call\('order'"):
        ask(ordered.expect)


def test_a_judge_reads_the_message(ordered: RunResult[Any]) -> None:
    """A model that says yes lets it pass, one that says no fails it with its reason."""
    yes = FakeLLM([FakeCall("check_intent", {"success": True, "reason": "it does"})])
    no = FakeLLM([FakeCall("check_intent", {"success": False, "reason": "too short"})])
    message = ordered.expect[-1].is_message()

    asyncio.run(message.judge(yes, intent="says what was ordered"))
    with pytest.raises(AssertionError, match="too short"):
        asyncio.run(message.judge(no, intent="says what was ordered"))

    assert "Two teas." in str(yes.requests[0].chat_ctx.messages()[-1].text_content)
    assert yes.requests[0].tool_choice == "required"


def test_a_judge_that_gives_no_verdict_is_an_error(ordered: RunResult[Any]) -> None:
    """Not a pass."""
    with pytest.raises(ModelError, match="no verdict"):
        asyncio.run(ordered.expect[-1].is_message().judge(FakeLLM(["Hm."]), intent="x"))


def test_questions_wait_for_the_end() -> None:
    """A run that is not over is not asked."""

    async def use(scene: Scene) -> None:
        result = scene.session.run(user_input="Hello.")
        assert not result.done()
        with pytest.raises(SessionError, match="not over"):
            _ = result.expect
        await result
        assert result.done()

    run(FakeLLM(["Hi."]), use)


def test_what_an_agent_does_first_is_a_run_too() -> None:
    """With `capture_run`."""

    class Greeter(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply(instructions="Greet.")

    async def scenario() -> None:
        scene = Scene(Greeter(instructions="x"), llm=FakeLLM(["Good day."]), text_only=True)
        result = await scene.session.start(scene.agent, capture_run=True)
        assert result is not None
        await result
        result.expect.next_event().is_message(role="assistant")
        await scene.session.aclose()

    run_virtual(scenario())


def test_tools_may_be_replaced() -> None:
    """By functions that take as many of the arguments as they like."""

    async def use(scene: Scene) -> list[str]:
        async def sold_out(item: str) -> str:
            return f"no {item} left"

        with mock_tools(Waiter, {"order": sold_out}):
            await scene.session.run(user_input="Tea.")
        await scene.session.run(user_input="Tea again.")
        return scene.lines("tools")

    call = FakeCall("order", {"item": "tea"})
    assert run(FakeLLM([call, "Sorry.", call, "Done."]), use) == [
        'tools: order({"item":"tea"}) = no tea left',
        'tools: order({"item":"tea"}) = 1 tea ordered',
    ]


def test_a_replaced_tool_may_fail() -> None:
    """As the real one would."""

    async def use(scene: Scene) -> None:
        def fail() -> str:
            raise ToolError("The kitchen is closed.")

        with mock_tools(Waiter, {"order": fail}):
            result = await scene.session.run(user_input="Tea.")
        result.expect.contains_function_call_output(output="The kitchen is closed.", is_error=True)

    run(FakeLLM([FakeCall("order", {"item": "tea"}), "Sorry."]), use)


class Ask(AgentTask[Order]):
    """A task as the first agent."""

    def __init__(self) -> None:
        super().__init__(instructions="Take the order.")

    @function_tool
    async def take(self, item: str, count: int) -> None:
        """Take it."""
        self.complete(Order(item=item, count=count))


def test_a_tasks_result_is_the_runs_output() -> None:
    """And its type may be asked for."""
    llm = FakeLLM([FakeCall("take", {"item": "tea", "count": 2})])

    async def use(scene: Scene) -> Any:
        result = await scene.session.run(user_input="Two teas.", output_type=Order)
        return result.final_output

    assert run(llm, use, Ask()) == Order(item="tea", count=2)


def test_a_task_of_another_type_is_unexpected() -> None:
    """The run fails."""
    llm = FakeLLM([FakeCall("take", {"item": "tea", "count": 2})])

    async def use(scene: Scene) -> None:
        await scene.session.run(user_input="Two teas.", output_type=str)

    with pytest.raises(UnexpectedModelBehavior, match="not a str"):
        run(llm, use, Ask())


def test_without_a_task_the_model_is_asked_for_the_output() -> None:
    """Again where its answer is none."""
    llm = FakeLLM(["Noted.", "two teas", '{"item": "tea", "count": 2}'])

    async def use(scene: Scene) -> Any:
        result = await scene.session.run(user_input="Two teas.", output_type=Order)
        return result.final_output

    assert run(llm, use) == Order(item="tea", count=2)
    assert llm.requests[1].response_format is Order


def test_a_model_that_gives_no_output_is_unexpected() -> None:
    """After three questions."""
    llm = FakeLLM(["Noted."], default="two teas")

    async def use(scene: Scene) -> None:
        await scene.session.run(user_input="Two teas.", output_type=Order)

    with pytest.raises(UnexpectedModelBehavior, match="no Order"):
        run(llm, use)
    assert len(llm.requests) == 4


def test_a_run_without_output_has_none() -> None:
    """It says why."""
    with pytest.raises(SessionError, match="no AgentTask"):
        _ = one_run("Fine.").final_output
