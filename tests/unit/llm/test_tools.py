"""Functions that become tools."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.errors import ToolSchemaError
from agentd.llm import (
    CallContext,
    FunctionTool,
    ProviderTool,
    RawFunctionTool,
    ToolFlag,
    Toolset,
    find_function_tools,
    function_tool,
    is_function_tool,
    is_raw_function_tool,
)
from agentd.llm.tools import tool_names

RAW: dict[str, Any] = {
    "name": "raw_one",
    "description": "As it is.",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
}


@function_tool
async def bare(x: int) -> str:
    """Take a number."""
    return f"got {x}"


@function_tool(
    name="renamed",
    description="Another text.",
    flags=ToolFlag.CANCELLABLE | ToolFlag.IGNORE_ON_ENTER,
    on_duplicate="confirm",
    duplicate_scope="name_and_args",
)
def configured(x: int) -> int:
    """Not this text."""
    return x + 1


@function_tool(raw_schema=RAW, flags=ToolFlag.CANCELLABLE)
async def raw(raw_arguments: dict[str, object], ctx: CallContext) -> object:
    """Not this text either."""
    return raw_arguments["x"]


class Base:
    """Has tools as methods."""

    def __init__(self) -> None:
        self.own = bare

    @function_tool
    async def second(self, x: int) -> str:
        """The name says nothing about the order."""
        return f"second {x} of {type(self).__name__}"

    @function_tool(name="eins")
    def first(self, ctx: CallContext, x: int = 3) -> int:
        """Not async."""
        return x

    @property
    def dear(self) -> int:
        """Costs something to look at."""
        raise AssertionError("a property was asked")


class Derived(Base):
    """Has another one, and another second."""

    @function_tool(raw_schema=RAW)
    async def raw_method(self, raw_arguments: dict[str, object]) -> object:
        """Raw."""
        return (type(self).__name__, raw_arguments)

    @function_tool
    async def second(self, x: int) -> str:
        """Replaces that of the base."""
        return "replaced"


async def test_a_tool_is_still_the_function() -> None:
    """It can be called as before, and has its name and docstring."""
    assert await bare(3) == "got 3"
    assert configured(3) == 4
    assert bare.func.__name__ == "bare"
    assert bare.__doc__ == "Take a number."


def test_the_decorator_takes_name_and_text_from_the_function() -> None:
    """Unless they are given."""
    assert (bare.id, bare.name, bare.info.description) == ("bare", "bare", "Take a number.")
    assert (configured.id, configured.info.description) == ("renamed", "Another text.")


def test_what_the_decorator_was_told_is_on_the_tool() -> None:
    """The session acts by it."""
    info = configured.info

    assert info.flags == ToolFlag.CANCELLABLE | ToolFlag.IGNORE_ON_ENTER
    assert (info.on_duplicate, info.duplicate_scope) == ("confirm", "name_and_args")
    assert (bare.info.flags, bare.info.on_duplicate) == (ToolFlag.NONE, "allow")
    assert raw.info.flags == ToolFlag.CANCELLABLE


def test_a_raw_schema_is_shown_as_it_is() -> None:
    """Strict or not; its name is the tool's."""
    assert raw.schema() == {"type": "function", "function": RAW}
    assert raw.schema(strict=False) == {"type": "function", "function": RAW}
    assert raw.id == "raw_one"


@pytest.mark.parametrize(
    "schema", [{}, {"name": "x"}, {"name": "", "parameters": {}}, {"name": "x", "parameters": 3}]
)
def test_a_raw_schema_needs_a_name_and_parameters(schema: dict[str, Any]) -> None:
    """The error shows what was given."""
    with pytest.raises(ToolSchemaError, match="needs a 'name' and a dict of 'parameters'"):
        function_tool(raw_schema=schema)(lambda raw_arguments: None)


async def test_a_method_is_a_tool_of_its_instance() -> None:
    """Seen through the instance it needs no self."""
    base = Base()

    assert await base.second(2) == "second 2 of Base"
    assert base.first(CallContext(), x=5) == 5
    assert base.first(CallContext()) == 3


async def test_a_method_seen_through_the_class_wants_its_self() -> None:
    """As any function."""
    assert await Base.second(Base(), 2) == "second 2 of Base"


def test_self_is_in_no_schema() -> None:
    """Through the instance and through the class."""
    for tool in (Base().second, Base.second):
        assert list(tool.schema()["function"]["parameters"]["properties"]) == ["x"]


def test_tools_are_found_on_instances_and_classes() -> None:
    """In the order of definition, base first; no property is asked."""
    assert [tool.id for tool in find_function_tools(Derived())] == [
        "second",
        "eins",
        "raw_one",
        "bare",
    ]
    assert [tool.id for tool in find_function_tools(Derived)] == ["second", "eins", "raw_one"]


async def test_a_derived_class_may_replace_a_tool() -> None:
    """As any method."""
    found = {tool.id: tool for tool in find_function_tools(Derived())}

    assert await found["second"](1) == "replaced"
    assert await found["raw_one"]({"x": 1}) == ("Derived", {"x": 1})


async def test_a_static_method_is_a_tool_without_self() -> None:
    """With the decorators in the order that a reader expects."""

    class Holder:
        @function_tool
        @staticmethod
        async def plain(x: int) -> int:
            """No self."""
            return x

    tool: Any = Holder().plain

    assert await tool(4) == 4
    assert list(tool.schema()["function"]["parameters"]["properties"]) == ["x"]


def test_kinds_of_tools_can_be_told_apart() -> None:
    """A function is none."""
    assert is_function_tool(bare)
    assert is_raw_function_tool(raw)
    assert not is_function_tool(raw)
    assert not is_raw_function_tool(bare)
    assert not is_function_tool(test_kinds_of_tools_can_be_told_apart)
    assert isinstance(Base().second, FunctionTool)
    assert isinstance(Derived().raw_method, RawFunctionTool)


def test_names_of_tools_are_those_in_toolsets_too() -> None:
    """And names that are given as such."""
    toolset = Toolset(id="set", tools=[bare, Toolset(id="inner", tools=[raw])])

    assert tool_names([toolset, configured, ProviderTool(id="search"), "plain"]) == {
        "bare",
        "raw_one",
        "renamed",
        "search",
        "plain",
    }


def test_a_method_is_one_tool_however_often_it_is_looked_at() -> None:
    """And another one for another instance."""
    one, other = Base(), Base()

    assert one.second == one.second
    assert len({one.second, one.second, other.second}) == 2
    assert one.second != other.second
    assert one.second != one.first
    assert bare != "bare"


def test_a_tool_shows_its_name() -> None:
    """In logs and in failures of tests."""
    assert repr(bare) == "FunctionTool('bare')"
    assert repr(Derived().raw_method) == "RawFunctionTool('raw_one')"
