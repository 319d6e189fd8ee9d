"""What holds for the tools of an MCP server, whichever way it is spoken to; real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import get_args

import pytest

from agentd.aio.tasks import TaskOwner
from agentd.errors import ToolError
from agentd.llm import ToolContext
from agentd.llm.mcp import MCPToolResultContext
from agentd.llm.tools import CallContext
from tests.support.mcp_servers import (
    Box,
    Kind,
    http_process,
    http_server,
    opened,
    stdio_server,
)

Open = Callable[..., AbstractAsyncContextManager[Box]]


class Listener(CallContext):
    """A RunContext, as far as progress goes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def update(self, message: str, *, silent: bool = False) -> None:
        """Note it."""
        self.told.append(message)


@pytest.fixture(scope="module", params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Each way in turn: what opens a toolset of a server that is spoken to so."""
    kind: Kind = request.param
    if kind == "stdio":
        yield lambda tool_options=None, **options: opened(stdio_server(**options), tool_options)
        return
    with http_process(kind) as process:
        yield lambda tool_options=None, **options: opened(
            http_server(process.url, **options), tool_options
        )


@pytest.fixture
async def box(kind: Open) -> AsyncIterator[Box]:
    """The tools of a server."""
    async with kind() as made:
        yield made


async def test_the_tools_are_listed_with_the_schemas_of_the_server(box: Box) -> None:
    """Unchanged, as raw function tools; names that OpenAI does not take are mapped."""
    tool = ToolContext([box.toolset]).function_tools["add"]

    described = tool.schema()["function"]
    assert described["description"] == "Add two numbers."
    assert described["parameters"]["required"] == ["a", "b"]
    assert described["parameters"]["properties"]["a"] == {"title": "A", "type": "integer"}
    assert "files_read" in box.names


async def test_a_call_has_the_result(box: Box) -> None:
    """By the name that the model was told."""
    assert (await box.call("add", a=1, b=2)).output == "3"
    assert (await box.call("files_read")).output == "what is in the file"


async def test_several_calls_at_once_have_their_own_results(box: Box) -> None:
    """None waits for another."""
    outputs = await asyncio.gather(*(box.call("add", a=number, b=1) for number in range(5)))

    assert [output.output for output in outputs] == ["1", "2", "3", "4", "5"]


async def test_structured_results_are_told_as_json(box: Box) -> None:
    """Where the server gives no text of its own."""
    assert (await box.call("only_data")).output == '{"degrees":21}'
    assert '"city": "Bonn"' in (await box.call("forecast", city="Bonn")).output


async def test_what_is_no_text_is_named(box: Box) -> None:
    """A model reads text; a file that is one is told."""
    output = (await box.call("picture")).output

    assert output.splitlines() == [
        "A cat.",
        "[image, image/png: can't be shown here]",
        "[resource cat: file:///cat.png]",
        "It is grey.",
    ]


async def test_an_error_of_the_tool_is_one_for_the_model(box: Box) -> None:
    """With the server's words; so are arguments that it refuses."""
    failed = await box.call("fail")
    refused = await box.call("add", a="x")

    assert failed.is_error
    assert "There is no such city." in failed.output
    assert refused.is_error
    assert "valid integer" in refused.output


async def test_a_huge_result_is_cut_and_says_so(box: Box) -> None:
    """It would cost a caller seconds."""
    output = await box.call("huge", size=400_000)

    assert not output.is_error
    assert len(output.output) < 21_000
    assert "[Cut: this is 20000 of 400000 characters." in output.output


async def test_a_result_over_all_limits_is_an_error_and_the_tools_go_on(box: Box) -> None:
    """Nobody reads it into memory."""
    output = await box.call("huge", size=20_000_000)

    assert output.is_error
    assert "Whether" in output.output
    await box.until(lambda: box.toolset.mcp_server.initialized)
    assert (await box.call("add", a=1, b=2)).output == "3"


async def test_a_tool_that_hangs_is_cancelled_at_its_deadline(kind: Open) -> None:
    """On the server too, which answers others meanwhile and after."""
    options = {"hang": {"timeout": 0.5}}
    async with kind(tool_options=options) as box:
        output = await box.call("hang", key="deadline")

        assert output.is_error
        assert "did not answer within 0.5 s" in output.output
        assert (await box.call("was_cancelled", key="deadline")).output == "yes"


async def test_a_call_that_is_cancelled_is_cancelled_on_the_server(box: Box) -> None:
    """As when the model, or a caller who hangs up, ends a tool."""
    begun = asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    server = box.toolset.mcp_server
    async with asyncio.timeout(10.0), TaskOwner("test") as owner:
        call = owner.start(server.call_tool("hang", {"key": "call"}, on_progress=note), name="call")
        await begun.wait()
        call.cancel()
        await asyncio.wait({call})

    assert call.cancelled()
    assert (await box.call("was_cancelled", key="call")).output == "yes"


async def test_progress_is_told_where_that_is_wanted(kind: Open) -> None:
    """To `ctx.update`, not more often than the options say."""
    options = {
        "count": {"report_progress": True, "progress_interval": 0.0},
        "hang": {"report_progress": False, "timeout": 0.2},
    }
    async with kind(tool_options=options) as box:
        listener, quiet = Listener(), Listener()

        await box.call("count", context=listener, to=3)
        await box.call("hang", context=quiet)

    assert listener.told == ["step 1", "step 2", "step 3"]
    assert quiet.told == []


async def test_a_tool_that_is_added_is_there_at_once(box: Box) -> None:
    """The server says that its list has changed."""
    await box.call("learn", name="sing")

    await box.until(lambda: "sing" in box.names)
    assert (await box.call("sing")).output == "learned"


async def test_only_tools_that_are_allowed_are_offered(kind: Open) -> None:
    """By the server's names; a filter sees what is left."""
    async with kind(allowed_tools=["add", "pid", "files.read"]) as box:
        box.toolset.filter_tools(lambda tool: tool.id != "pid")

        assert sorted(box.names) == ["add", "files_read"]


async def test_a_resolver_makes_the_result(kind: Open) -> None:
    """Of the whole result, and it may refuse."""

    async def resolve(context: MCPToolResultContext) -> str:
        if context.tool_name == "add":
            raise ToolError("No sums, please.")
        return f"{context.tool_name}: {context.result.structured_content}"

    async with kind(tool_result_resolver=resolve) as box:
        told = await box.call("only_data")
        refused = await box.call("add", a=1, b=2)

    assert told.output == "only_data: {'degrees': 21}"
    assert (refused.output, refused.is_error) == ("No sums, please.", True)


async def test_nothing_runs_when_it_was_closed(kind: Open) -> None:
    """No task of ours, and none of the SDK's."""
    before = asyncio.all_tasks()

    async with kind() as box:
        await box.call("add", a=1, b=2)

    assert box.names == []
    assert asyncio.all_tasks() <= before
