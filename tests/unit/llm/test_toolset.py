"""Toolsets, and the tools that a model is offered."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.errors import ToolError
from agentd.llm import (
    AsyncToolset,
    FunctionToolInfo,
    ProviderTool,
    RawFunctionTool,
    ToolContext,
    Toolset,
    function_tool,
)


@function_tool
async def look(x: int) -> None:
    """Look."""


@function_tool
async def listen() -> None:
    """Listen."""


@function_tool(name="look")
async def other_look() -> None:
    """Another function of the same name."""


class Notes(Toolset):
    """A toolset with a tool of its own, that notes its life."""

    def __init__(self, id: str, life: list[str], **kwargs: Any) -> None:
        super().__init__(id=id, **kwargs)
        self.life = life

    @function_tool
    async def remember(self, note: str) -> str:
        """Keep a note."""
        return f"{self.id} keeps {note}"

    async def setup(self) -> Notes:
        await super().setup()
        self.life.append(f"{self.id} set up")
        return self

    async def aclose(self) -> None:
        await super().aclose()
        self.life.append(f"{self.id} closed")


async def test_a_toolset_has_the_tools_it_was_given_and_its_own() -> None:
    """Its methods are bound to it."""
    notes = Notes("notes", [], tools=[look])

    assert [tool.id for tool in notes.tools] == ["look", "remember"]
    tool: Any = notes.tools[1]
    assert await tool("milk") == "notes keeps milk"


async def test_a_toolset_sets_up_and_closes_those_in_it() -> None:
    """From the inside out."""
    life: list[str] = []
    outer = Notes("outer", life, tools=[Toolset(id="plain", tools=[Notes("inner", life)])])

    assert await outer.setup() is outer
    await outer.aclose()

    assert life == ["inner set up", "outer set up", "inner closed", "outer closed"]


def test_a_toolset_of_the_session_says_what_it_was_made_with() -> None:
    """The session acts by it."""
    toolset = AsyncToolset(id="booking", tools=[look], on_duplicate_call="confirm")

    assert toolset.on_duplicate_call == "confirm"
    assert toolset.tool_handling is None
    assert isinstance(toolset, Toolset)


def test_a_context_has_all_tools_without_their_toolsets() -> None:
    """However deep they are; those that the provider runs are apart."""
    search = ProviderTool(id="search")
    inner = Toolset(id="inner", tools=[listen])
    outer = Toolset(id="outer", tools=[inner, search])

    tools = ToolContext([look, outer])

    assert list(tools.function_tools) == ["look", "listen"]
    assert tools.provider_tools == [search]
    assert tools.flatten() == [look, listen, search]
    assert tools.toolsets == [inner, outer]
    assert tools.get_function_tool("listen") is listen
    assert tools.get_function_tool("search") is None


def test_a_context_describes_its_tools() -> None:
    """In the strict form unless told otherwise."""
    tools = ToolContext([look, listen])

    [strict, _], [loose, _] = (
        tools.parse_function_tools("openai"),
        tools.parse_function_tools("openai", strict=False),
    )

    assert strict == look.schema()
    assert loose == look.schema(strict=False)
    with pytest.raises(ValueError, match="'nonsense' is no known format"):
        tools.parse_function_tools("nonsense")


def test_two_tools_of_one_name_are_refused() -> None:
    """The model could not tell them apart."""
    with pytest.raises(ValueError, match="two tools have the name 'look': rename one of them"):
        ToolContext([look, Toolset(id="set", tools=[other_look])])


def test_one_tool_may_be_given_twice() -> None:
    """By the agent and by its session, say; also a method, which is another object each time."""
    notes = Notes("notes", [])

    tools = ToolContext([look, look, notes.remember, notes])

    assert list(tools.function_tools) == ["look", "remember"]


def test_methods_of_two_instances_are_two_tools() -> None:
    """They have one name, so they are refused."""
    with pytest.raises(ValueError, match="two tools have the name 'remember'"):
        ToolContext([Notes("a", []), Notes("b", [])])


def test_what_is_no_tool_is_refused() -> None:
    """The error says how to make one."""

    def plain() -> None: ...

    wrong: Any = plain
    with pytest.raises(ValueError, match="is no tool: decorate a function with @function_tool"):
        ToolContext([wrong])


def test_tools_can_be_replaced_and_contexts_compared() -> None:
    """By the tools that are called, in whatever order."""
    tools = ToolContext([look])
    copied = tools.copy()

    tools.update_tools([listen, look])

    assert list(copied.function_tools) == ["look"]
    assert tools == ToolContext([look, listen])
    assert tools != copied
    assert ToolContext.empty() == ToolContext([])
    assert tools != "tools"


def test_an_unknown_tool_is_told_with_those_that_there_are() -> None:
    """So that the model can choose one."""
    tools = ToolContext([look, listen])

    assert tools.require("look") is look
    with pytest.raises(ToolError, match=r"There is no tool 'see'\. The tools are: listen, look\."):
        tools.require("see")
    with pytest.raises(ToolError, match=r"The tools are: none\."):
        ToolContext.empty().require("see")


def borrow(name: str, qualified: str) -> RawFunctionTool[..., Any]:
    """A tool that comes from elsewhere, as from an MCP server."""

    async def call(raw_arguments: dict[str, Any]) -> None:
        """Nothing is done."""

    schema = {"name": name, "parameters": {"type": "object"}}
    info = FunctionToolInfo(name=name, qualified_name=qualified, raw_schema=schema)
    return RawFunctionTool(call, info)


def test_a_borrowed_tool_yields_its_name_to_one_of_the_agents_own() -> None:
    """Whichever comes first; the model is told the name that it is called by."""
    borrowed = borrow("look", "shop_look")

    for tools in ([look, borrowed], [borrowed, look]):
        made = ToolContext(tools).function_tools
        assert made["look"] is look
        assert made["shop_look"].schema()["function"]["name"] == "shop_look"
        assert made["shop_look"] == borrowed


def test_two_borrowed_tools_of_one_name_both_say_whose_they_are() -> None:
    """The order of toolsets does not matter; others keep their names."""
    tools = [borrow("look", "shop_look"), borrow("look", "office_look"), borrow("go", "x_go")]

    assert set(ToolContext(tools).function_tools) == {"shop_look", "office_look", "go"}


def test_a_name_that_is_taken_too_gets_a_number() -> None:
    """Never is a conversation stopped by what a server calls its tools."""
    same = [borrow("look", "shop_look"), borrow("look", "shop_look")]
    taken = borrow("shop_look", "other")

    names = set(ToolContext([look, *same, taken]).function_tools)

    assert names == {"look", "shop_look", "shop_look_2", "shop_look_3"}


def test_the_same_borrowed_tool_twice_is_one_tool() -> None:
    """As any other."""
    borrowed = borrow("look", "shop_look")

    assert set(ToolContext([borrowed, borrowed]).function_tools) == {"look"}
    assert set(ToolContext([borrowed, look, borrowed]).function_tools) == {"look", "shop_look"}
