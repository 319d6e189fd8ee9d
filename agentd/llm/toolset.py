"""Tools that belong together, and all the tools that a model is offered at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, Literal, Self, TypeAlias

from agentd.errors import ToolError

from .tools import (
    DuplicateMode,
    FunctionTool,
    ProviderTool,
    RawFunctionTool,
    Tool,
    find_function_tools,
)

AnyFunctionTool: TypeAlias = FunctionTool[..., Any] | RawFunctionTool[..., Any]


class Toolset:
    """Several tools under one id, with something to set up for them and to close again.

    Its own methods that are tools count too, and it may hold other toolsets. `setup` and `aclose`
    are the session's to call; a subclass that overrides them calls these as well.
    """

    def __init__(self, *, id: str, tools: Sequence[Tool | Toolset] | None = None) -> None:
        self._id = id
        self._tools: list[Tool | Toolset] = [*(tools or []), *find_function_tools(self)]

    @property
    def id(self) -> str:
        """Its name among the toolsets of an agent."""
        return self._id

    @property
    def tools(self) -> list[Tool | Toolset]:
        """What it holds; a subclass may compute it anew each time."""
        return self._tools

    async def setup(self) -> Self:
        """Make the tools usable: connect, load. Called once, before they are offered."""
        for tool in self.tools:
            if isinstance(tool, Toolset):
                await tool.setup()
        return self

    async def aclose(self) -> None:
        """Let go of what `setup` took. May be repeated."""
        for tool in self.tools:
            if isinstance(tool, Toolset):
                await tool.aclose()


class AsyncToolset(Toolset):
    """A toolset of the session: its calls and their updates outlive a handoff.

    Where `on_duplicate_call` is given it holds for those of its tools that say nothing themselves.
    """

    def __init__(
        self,
        *,
        id: str,
        tools: Sequence[Tool | Toolset] | None = None,
        tool_handling: Any = None,
        on_duplicate_call: DuplicateMode | None = None,
    ) -> None:
        super().__init__(id=id, tools=tools)
        self.tool_handling = tool_handling
        self.on_duplicate_call = on_duplicate_call


class ToolContext:
    """The tools that a model is offered, toolsets and all, each name once.

    A tool that comes from elsewhere, as from an MCP server, yields its name where another has it
    too, and is offered under that of its toolset (`told_apart`). Raises ValueError where two
    different tools insist on one name.
    """

    def __init__(self, tools: Iterable[Tool | Toolset] = ()) -> None:
        self.update_tools(tools)

    @classmethod
    def empty(cls) -> ToolContext:
        """One without tools."""
        return cls()

    def update_tools(self, tools: Iterable[Tool | Toolset]) -> None:
        """Offer these, and no others."""
        given = list(tools)
        functions: dict[str, AnyFunctionTool] = {}
        providers: list[ProviderTool] = []
        for tool in told_apart(_flat(given)):
            if isinstance(tool, ProviderTool):
                providers.append(tool)
            elif isinstance(tool, FunctionTool | RawFunctionTool):
                known = functions.setdefault(tool.id, tool)
                if known != tool:
                    raise ValueError(f"two tools have the name '{tool.id}': rename one of them")
            else:
                raise _no_tool(tool)
        self._tools, self._functions, self._providers = given, functions, providers

    @property
    def function_tools(self) -> dict[str, AnyFunctionTool]:
        """Those that are called here, by name."""
        return dict(self._functions)

    @property
    def provider_tools(self) -> list[ProviderTool]:
        """Those that the provider runs."""
        return list(self._providers)

    @property
    def toolsets(self) -> list[Toolset]:
        """The toolsets, also those in others, each after those in it."""
        return list(_toolsets(self._tools))

    def flatten(self) -> list[Tool]:
        """All the tools, without the toolsets around them."""
        return [*self._functions.values(), *self._providers]

    def get_function_tool(self, name: str) -> AnyFunctionTool | None:
        """The tool of this name, if there is one."""
        return self._functions.get(name)

    def require(self, name: str) -> AnyFunctionTool:
        """The tool of this name; raises ToolError, which tells the model those that there are."""
        tool = self._functions.get(name)
        if tool is None:
            names = ", ".join(sorted(self._functions)) or "none"
            raise ToolError(f"There is no tool '{name}'. The tools are: {names}.")
        return tool

    def parse_function_tools(
        self, format: Literal["openai"] | str = "openai", *, strict: bool = True
    ) -> list[dict[str, Any]]:
        """The entries of a request; raises ValueError for an unknown format."""
        if format != "openai":
            raise ValueError(f"'{format}' is no known format: openai is")
        return [tool.schema(strict=strict) for tool in self._functions.values()]

    def copy(self) -> ToolContext:
        """Another with the same tools."""
        return ToolContext(self._tools)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolContext) and self.function_tools == other.function_tools

    __hash__ = None  # type: ignore[assignment]  # its tools may change


def told_apart(tools: Iterable[Tool]) -> list[Tool]:
    """The tools, those with a qualified name under that where another has their plain one. Pure.

    Of several that share a plain name all are renamed, whatever their order, so that the model
    sees whose each is; and what an agent's own tool is called never changes.
    """
    given = list(tools)
    holders: dict[str, list[Tool]] = {}
    for tool in given:
        others = holders.setdefault(tool.id, [])
        if not any(tool == other for other in others):
            others.append(tool)
    taken = {name for name, tools in holders.items() if not all(map(_yields, tools))}
    names: dict[Tool, str] = {}
    for tool in given:
        if _yields(tool) and len(holders[tool.id]) > 1 and tool not in names:
            names[tool] = _free(_qualified(tool), taken | holders.keys())
            taken.add(names[tool])
    return [
        tool.renamed(names[tool]) if isinstance(tool, RawFunctionTool) and tool in names else tool
        for tool in given
    ]


def _yields(tool: Tool) -> bool:
    return bool(_qualified(tool))


def _qualified(tool: Tool) -> str:
    return tool.info.qualified_name if isinstance(tool, RawFunctionTool) else ""


def _free(name: str, taken: Set[str]) -> str:
    """The name, or where it is taken the first with a number that is not."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name[:60]}_{number}", number + 1
    return free


def _flat(tools: Iterable[Tool | Toolset]) -> Iterator[Tool]:
    for tool in tools:
        if isinstance(tool, Toolset):
            yield from _flat(tool.tools)
        elif isinstance(tool, Tool):
            yield tool
        else:
            raise _no_tool(tool)


def _no_tool(tool: object) -> ValueError:
    return ValueError(f"{tool!r} is no tool: decorate a function with @function_tool")


def _toolsets(tools: Iterable[Tool | Toolset]) -> Iterator[Toolset]:
    for tool in tools:
        if isinstance(tool, Toolset):
            yield from _toolsets(tool.tools)
            yield tool
