"""Tools that take their time: updates, fillers, the floor, duplicates, cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agentd.llm import ToolFlag, function_tool
from agentd.testing import FakeCall, FakeLLM, FakeReply, FakeSTT, FakeTTS, FakeVAD, Scene
from agentd.testing.virtual_time import run_virtual
from agentd.voice.agent import Agent
from agentd.voice.context import RunContext
from agentd.voice.options import DeadAirOptions

Context = RunContext[Any]


def on(
    scenario: Callable[[Scene], Awaitable[None]], tools: list[Any], llm: FakeLLM, **kwargs: Any
) -> Scene:
    """The scene after a scenario, with an agent that has these tools."""

    async def run() -> Scene:
        defaults: dict[str, Any] = {
            "tts": FakeTTS(),
            "vad": FakeVAD(),
            "stt": FakeSTT(),
            "user_away_timeout": None,
            "dead_air": DeadAirOptions(timeout=None),
        }
        agent = Agent(instructions="x", tools=tools)
        async with Scene(agent, llm=llm, **{**defaults, **kwargs}) as scene:
            await scenario(scene)
        return scene

    return run_virtual(run())


def until(seconds: float, user_input: str = "Go.") -> Callable[[Scene], Awaitable[None]]:
    """Ask once, and let time pass."""

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input=user_input)
        await scene.until(seconds)

    return scenario


@function_tool
async def search(context: Context) -> str:
    """Search; tells that it has begun."""
    await context.update("I am searching.")
    await asyncio.sleep(5.0)
    return "found it"


def test_an_update_releases_the_reply_and_the_result_comes_later() -> None:
    """The model goes on with the update; when the tool is done it says so, unasked."""
    llm = FakeLLM([FakeCall("search"), "I am on it.", "I have found it."])

    scene = on(until(8.0), [search], llm)

    said = [(round(at, 1), line) for at, line in scene.timed("said assistant")]
    assert [line for _, line in said] == [
        "said assistant: I am on it.",
        "said assistant: I have found it.",
    ]
    assert said[0][0] < 2.0
    assert 5.0 <= said[1][0] < 7.0
    assert llm.requests[2].tool_choice == "none"


def test_later_news_are_calls_of_their_own_in_the_history() -> None:
    """Models know outputs only as answers to calls."""
    llm = FakeLLM([FakeCall("search"), "I am on it.", "I have found it."])

    scene = on(until(8.0), [search], llm)

    outputs = [
        (item.call_id, item.output)
        for item in scene.session.history.items
        if item.type == "function_call_output"
    ]
    assert [output for _, output in outputs] == ["I am searching.", "found it"]
    assert outputs[0][0] != outputs[1][0]


def test_news_that_a_reply_knows_already_are_not_said_again() -> None:
    """The user asks meanwhile: the answer knows the result."""
    llm = FakeLLM([FakeCall("search"), "I am on it.", "It is here."])

    async def scenario(scene: Scene) -> None:
        scene.session.generate_reply(user_input="Search.")
        await scene.until(4.9)
        scene.session.say("A sentence of forty characters, exactly.")
        await scene.until(5.5)
        scene.session.generate_reply(user_input="Well?")
        await scene.until(12.0)

    scene = on(scenario, [search], llm)

    assert len(llm.requests) == 3
    assert scene.history()[-1] == "assistant: It is here."


def test_a_silent_update_is_known_and_not_said() -> None:
    """The reply is over with it."""

    @function_tool
    async def quiet(context: Context) -> None:
        """Tells the model only."""
        await context.update("begun", silent=True)
        await asyncio.sleep(2.0)

    llm = FakeLLM([FakeCall("quiet")])

    scene = on(until(5.0), [quiet], llm)

    assert len(llm.requests) == 1
    assert scene.lines("said assistant") == []


def test_a_tool_at_work_is_shown_to_the_model_as_such() -> None:
    """After an interruption: so that it is not called again."""

    @function_tool
    async def slow() -> str:
        """Takes long."""
        await asyncio.sleep(10.0)
        return "done"

    llm = FakeLLM([FakeCall("slow"), "Still working."])

    async def scenario(scene: Scene) -> None:
        handle = scene.session.generate_reply(user_input="Go.")
        await scene.until(1.0)
        handle.interrupt()
        await scene.session.generate_reply(user_input="And?")

    on(scenario, [slow], llm)

    outputs = [
        item.output
        for item in llm.requests[1].chat_ctx.items
        if item.type == "function_call_output"
    ]
    assert len(outputs) == 1
    assert "still at work" in outputs[0]


def told_by(agent: Agent, llm: FakeLLM, number: int) -> list[str]:
    """What the tools had said in the prompt of this number; the first one follows "Go."."""

    async def run() -> None:
        async with Scene(agent, llm=llm, text_only=True) as scene:
            await scene.session.generate_reply(user_input="Go.")
            await scene.until(60.0)

    run_virtual(run())
    return [
        item.output
        for item in llm.requests[number].chat_ctx.items
        if item.type == "function_call_output"
    ]


class Form(Agent):
    """Asks for what is missing, in the tools that note it."""

    @function_tool
    async def note(self) -> None:
        """Ask and be over."""
        self.session.generate_reply(instructions="Ask for the hour.")

    @function_tool
    async def note_and_look(self) -> None:
        """Ask and go on."""
        self.session.generate_reply(instructions="Say that it takes a while.")
        await asyncio.sleep(1.0)

    @function_tool
    async def look(self) -> str:
        """Take a while."""
        await asyncio.sleep(9.0)
        return "looked"


def test_a_reply_that_a_tool_asks_for_as_it_ends_knows_that_it_has_ended() -> None:
    """It is asked for before the call has its answer, and is told the answer all the same."""
    llm = FakeLLM([FakeCall("note"), "At what hour?"])
    assert told_by(Form(instructions="x"), llm, 1) == [""]


def test_what_a_tool_has_answered_is_told_while_another_of_its_reply_is_at_work() -> None:
    """The history gets the answers of a reply together; a prompt in between has what there is."""
    llm = FakeLLM([FakeReply(calls=(FakeCall("note"), FakeCall("look"))), "At what hour?", "Done."])
    told = told_by(Form(instructions="x"), llm, 1)
    assert told[0] == ""
    assert "still at work" in told[1]


def test_a_tool_that_goes_on_after_it_has_asked_for_a_reply_is_told_of_as_at_work() -> None:
    """Nobody waits for it."""
    llm = FakeLLM([FakeCall("note_and_look"), "One moment."])
    told = told_by(Form(instructions="x"), llm, 1)
    assert len(told) == 1
    assert "still at work" in told[0]


def test_the_result_of_an_interrupted_tool_is_remembered() -> None:
    """Nobody says it, but the next reply knows."""

    @function_tool
    async def slow() -> str:
        """Takes a while."""
        await asyncio.sleep(3.0)
        return "done"

    llm = FakeLLM([FakeCall("slow"), "It is done."])

    async def scenario(scene: Scene) -> None:
        handle = scene.session.generate_reply(user_input="Go.")
        await scene.until(1.0)
        handle.interrupt()
        await scene.until(5.0)
        await scene.session.generate_reply(user_input="And?")

    on(scenario, [slow], llm)

    outputs = [
        item.output
        for item in llm.requests[1].chat_ctx.items
        if item.type == "function_call_output"
    ]
    assert outputs == ["done"]


def test_a_filler_is_said_while_it_is_quiet() -> None:
    """After the delay, again after the interval, and no more often than told."""

    @function_tool
    async def slow(context: Context) -> str:
        """Takes long."""
        async with context.with_filler("Still looking.", delay=2.0, interval=3.0, max_steps=2):
            await asyncio.sleep(20.0)
        return "done"

    llm = FakeLLM([FakeCall("slow"), "Here it is."])

    scene = on(until(25.0), [slow], llm)

    assert scene.timed("said assistant: Still") == [
        (2.7, "said assistant: Still looking."),
        (6.4, "said assistant: Still looking."),
    ]
    assert scene.history()[-1] == "assistant: Here it is."


def test_a_filler_waits_for_quiet() -> None:
    """While somebody speaks its time does not run."""

    @function_tool
    async def slow(context: Context) -> str:
        """Takes long."""
        async with context.with_filler("Still looking.", delay=2.0):
            await asyncio.sleep(10.0)
        return "done"

    llm = FakeLLM(
        [
            FakeReply(text="A sentence of forty characters, exactly.", calls=(FakeCall("slow"),)),
            "Ok.",
        ]
    )

    scene = on(until(14.0), [slow], llm)

    assert scene.timed("said assistant: Still") == [(4.7, "said assistant: Still looking.")]


def test_the_foreground_keeps_news_of_others_waiting() -> None:
    """A tool that talks to the user is not talked over."""

    @function_tool
    async def interview(context: Context) -> str:
        """Talks to the user."""
        async with context.foreground():
            await asyncio.sleep(10.0)
            await context.session.say("Thank you.")
        return "interviewed"

    llm = FakeLLM(
        [
            FakeReply(calls=(FakeCall("search"), FakeCall("interview"))),
            "Done.",
            "And I have found it.",
        ]
    )

    scene = on(until(16.0), [search, interview], llm)

    said = scene.lines("said assistant")
    assert said.index("said assistant: Thank you.") < said.index("said assistant: Done.")


def test_wait_for_playout_waits_for_the_words_before_the_call() -> None:
    """And not for the whole reply, which waits for the tool."""
    heard: list[float] = []

    @function_tool
    async def after(context: Context) -> str:
        """Wants the user to have heard."""
        await context.wait_for_playout()
        heard.append(asyncio.get_running_loop().time())
        return "done"

    words = FakeReply(text="A sentence of forty characters, exactly.", calls=(FakeCall("after"),))

    on(until(5.0), [after], FakeLLM([words, "Ok."]))

    assert heard == [2.0]


def test_a_second_call_may_be_rejected() -> None:
    """While the first one is at work; the model is told."""

    @function_tool(on_duplicate="reject")
    async def once(context: Context) -> str:
        """Not twice at once."""
        await context.update("begun")
        await asyncio.sleep(5.0)
        return "done"

    llm = FakeLLM([FakeCall("once"), "I have begun.", FakeCall("once"), "It runs.", "Done."])

    async def scenario(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Go.")
        await scene.session.generate_reply(user_input="Again!")
        await scene.until(9.0)

    scene = on(scenario, [once], llm)

    assert "already at work" in scene.lines("tools")[1]


def test_a_second_call_may_take_the_place_of_the_first() -> None:
    """Which is cancelled."""
    seen: list[str] = []

    @function_tool(on_duplicate="replace")
    async def latest(context: Context, what: str) -> str:
        """Only the last one counts."""
        await context.update("begun", silent=True)
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            seen.append(f"{what} cancelled")
            raise
        seen.append(f"{what} done")
        return what

    llm = FakeLLM(
        [FakeCall("latest", {"what": "one"}), FakeCall("latest", {"what": "two"})], default="Ok."
    )

    async def scenario(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="One.")
        await scene.session.generate_reply(user_input="Two.")
        await scene.until(9.0)

    on(scenario, [latest], llm)

    assert seen == ["one cancelled", "two done"]


def test_a_second_call_may_need_confirming() -> None:
    """By a parameter that is offered only while the first is at work."""

    @function_tool(on_duplicate="confirm")
    async def careful(context: Context) -> str:
        """Twice only if it is meant."""
        await context.update("begun", silent=True)
        await asyncio.sleep(5.0)
        return "done"

    llm = FakeLLM(
        [
            FakeCall("careful"),
            FakeCall("careful"),
            FakeCall("careful", {"lk_agents_confirm_duplicate": True}),
        ],
        default="Ok.",
    )

    async def scenario(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Go.")
        await scene.session.generate_reply(user_input="Again.")
        await scene.until(9.0)

    scene = on(scenario, [careful], llm)

    tools = scene.lines("tools")
    assert "set to true" in tools[1]
    assert tools[2].endswith("= begun")
    schema = llm.requests[1].tools[0].schema(strict=False)["function"]["parameters"]  # type: ignore[attr-defined]
    assert "lk_agents_confirm_duplicate" in schema["properties"]
    first = llm.requests[0].tools[0].schema(strict=False)["function"]["parameters"]  # type: ignore[attr-defined]
    assert "lk_agents_confirm_duplicate" not in first["properties"]


def test_the_model_may_cancel_a_tool_that_allows_it() -> None:
    """With two tools of our own, which are there only then."""

    @function_tool(flags=ToolFlag.CANCELLABLE)
    async def long(context: Context) -> str:
        """May be ended."""
        await context.update("begun", silent=True)
        await asyncio.sleep(50.0)
        return "never"

    llm = FakeLLM([FakeCall("long", call_id="call_long"), FakeCall("lk_agents_get_running_tasks")])
    llm.replies.append(FakeCall("lk_agents_cancel_task", {"call_id": "call_long"}))
    llm.replies.append("It is cancelled.")

    async def scenario(scene: Scene) -> None:
        await scene.session.generate_reply(user_input="Go.")
        await scene.session.generate_reply(user_input="Stop it.")
        await scene.until(6.0)

    scene = on(scenario, [long], llm)

    assert "call_long" in scene.lines("tools: lk_agents_get")[0]
    assert scene.lines("tools: lk_agents_cancel")[0].endswith("= long was cancelled.")
    assert scene.history()[-1] == "assistant: It is cancelled."


def test_tools_without_that_flag_bring_no_tools_of_ours() -> None:
    """The model is offered what the user gave."""
    llm = FakeLLM(default="Ok.")

    on(until(1.0), [search], llm)

    assert [tool.id for tool in llm.requests[0].tools] == ["search"]


def test_what_tools_do_is_told_in_events() -> None:
    """Begun, told, ended; and what becomes of the news."""
    updates: list[str] = []
    llm = FakeLLM([FakeCall("search"), "I am on it.", "I have found it."])

    async def scenario(scene: Scene) -> None:
        scene.session.on(
            "tool_execution_updated",
            lambda event: updates.append(
                f"{type(event.update).__name__} {getattr(event.update, 'status', '')}".strip()
            ),
        )
        scene.session.generate_reply(user_input="Go.")
        await scene.until(8.0)

    on(scenario, [search], llm)

    assert updates == [
        "ToolCallStarted",
        "ToolCallUpdated",
        "ToolCallEnded done",
        "ToolReplyUpdated scheduled",
        "ToolReplyUpdated completed",
    ]
