"""An agent that has tools of MCP servers, in a session of its own: with real servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentd.llm import function_tool
from agentd.llm.mcp import MCPServerStdio, MCPToolOptions, MCPToolset
from agentd.llm.tools import ToolFlag
from agentd.supervision.spec import BackoffSettings
from agentd.testing import FakeCall, FakeLLM, Scene
from agentd.voice.agent import Agent
from tests.support.mcp_servers import DEADLINE, is_alive, stdio_server

pytestmark = pytest.mark.timeout(150)


@function_tool
async def add(a: int, b: int) -> str:
    """Add by our own rules."""
    return f"own {a}+{b}"


def outputs(scene: Scene) -> list[str]:
    """What the model was told of calls."""
    items = scene.session.history.items
    return [item.output for item in items if item.type == "function_call_output"]


async def test_a_model_calls_a_tool_of_a_server() -> None:
    """The process is there for as long as the session."""
    llm = FakeLLM([FakeCall("add", {"a": 1, "b": 2}), FakeCall("pid"), "It is three."])
    agent = Agent(instructions="x", tools=[MCPToolset(id="tools", mcp_server=stdio_server())])

    async with asyncio.timeout(DEADLINE), Scene(agent, llm=llm, text_only=True) as scene:
        await scene.session.run(user_input="Add one and two.")
        added, pid = outputs(scene)
        alive = is_alive(int(pid))

    assert added == "3"
    assert alive
    assert not is_alive(int(pid))
    assert scene.history()[-1] == "assistant: It is three."


async def test_names_that_collide_are_told_apart() -> None:
    """The agent's own tool keeps its name; those of two servers say whose they are."""
    calls = [
        FakeCall("add", {"a": 1, "b": 2}),
        FakeCall("office_add", {"a": 1, "b": 2}),
        FakeCall("shop_add", {"a": 2, "b": 2}),
    ]
    llm = FakeLLM([*calls, "Done."])
    tools: list[Any] = [
        MCPToolset(id="office", mcp_server=stdio_server(allowed_tools=["add"])),
        add,
        MCPToolset(id="shop", mcp_server=stdio_server(allowed_tools=["add", "pid"])),
    ]

    async with (
        asyncio.timeout(DEADLINE),
        Scene(Agent(instructions="x", tools=tools), llm=llm, text_only=True) as scene,
    ):
        await scene.session.run(user_input="Go.")
        told = outputs(scene)

    assert told == ["own 1+2", "3", "4"]
    assert {tool.id for tool in llm.requests[0].tools} == {"add", "office_add", "shop_add", "pid"}


async def test_a_server_that_dies_in_a_call_is_a_hiccup() -> None:
    """The session hears of it as of any tool's error, and calls the next process."""
    llm = FakeLLM([FakeCall("die"), "Oh.", FakeCall("add", {"a": 1, "b": 2}), "Three."])
    server = stdio_server()
    agent = Agent(instructions="x", tools=[MCPToolset(id="tools", mcp_server=server)])
    back = asyncio.Event()
    server.on_change(lambda: back.set() if server.initialized else back.clear())

    async with asyncio.timeout(DEADLINE), Scene(agent, llm=llm, text_only=True) as scene:
        await scene.session.run(user_input="Go.")
        await back.wait()
        await scene.session.run(user_input="Again.")
        told = outputs(scene)

    assert "was ended by SIGKILL" in told[0]
    assert told[1] == "3"


async def test_a_session_goes_on_without_a_server_that_never_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It starts, answers, and ends as others do."""
    monkeypatch.setattr("agentd.llm.mcp.server.BACKOFF", BackoffSettings(base=0.01, cap=0.3))
    toolset = MCPToolset(id="tools", mcp_server=MCPServerStdio("no-such-command"))
    agent = Agent(instructions="x", tools=[toolset])
    llm = FakeLLM(["Hello."])

    async with asyncio.timeout(DEADLINE), Scene(agent, llm=llm, text_only=True) as scene:
        await scene.session.run(user_input="Hi.")

    assert scene.history()[-1] == "assistant: Hello."
    assert llm.requests[0].tools == []


async def test_progress_releases_the_reply_and_the_result_comes_later() -> None:
    """As `ctx.update` of a tool of one's own: the user is not kept waiting."""
    llm = FakeLLM([FakeCall("slow_count", {"to": 2}), "I am on it.", "It is counted."])
    toolset = MCPToolset(
        id="tools",
        mcp_server=stdio_server(),
        tool_options={"slow_count": {"report_progress": True, "flags": ToolFlag.CANCELLABLE}},
    )
    agent = Agent(instructions="x", tools=[toolset])
    said = asyncio.Event()

    async with asyncio.timeout(DEADLINE), Scene(agent, llm=llm, text_only=True) as scene:
        scene.session.on(
            "conversation_item_added",
            lambda event: said.set() if "It is counted." in str(event.item) else None,
        )
        scene.session.generate_reply(user_input="Count.")
        await said.wait()
        told = outputs(scene)

    assert told == ["step 1", "counted"]
    offered = {tool.id for tool in llm.requests[0].tools}
    assert "lk_agents_cancel_task" in offered


async def test_a_tool_that_may_be_cancelled_is_ended_on_the_server_by_the_model() -> None:
    """By the built-in tool, from the middle of the call."""
    cancel = FakeCall("lk_agents_cancel_task", {"call_id": "call_hang"})
    llm = FakeLLM(
        [
            FakeCall("hang", {"key": "x"}, call_id="call_hang"),
            "I am on it.",
            cancel,
            FakeCall("was_cancelled", {"key": "x"}),
            "It is stopped.",
        ]
    )
    options = MCPToolOptions(report_progress=True, flags=ToolFlag.CANCELLABLE)
    toolset = MCPToolset(id="tools", mcp_server=stdio_server(), tool_options={"hang": options})

    async with (
        asyncio.timeout(DEADLINE),
        Scene(Agent(instructions="x", tools=[toolset]), llm=llm, text_only=True) as scene,
    ):
        await scene.session.generate_reply(user_input="Go.").wait_for_playout()
        await scene.session.generate_reply(user_input="Stop.").wait_for_playout()
        told = outputs(scene)

    assert "yes" in told
