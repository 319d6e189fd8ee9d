"""The tools of a server as tools of an agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import mcp_types as types

from agentd.aio.timing import now
from agentd.llm.tools import CallContext, FunctionToolInfo, RawFunctionTool, Tool, ToolFlag
from agentd.llm.toolset import Toolset

from .naming import legal_name, legal_names
from .options import MCPToolOptions
from .results import MCPToolResultContext, resolve
from .server import MCPServer

MCPTool: TypeAlias = RawFunctionTool[..., Any]
"""A tool of a server; its schema is the server's, unchanged."""

PROGRESS_INTERVAL = 5.0
"""Seconds between two reports of progress at least: each becomes part of the conversation."""


class MCPToolset(Toolset):
    """A server's tools, as the server lists them now.

    `setup` starts the server, and `aclose` ends it when as many have closed as have set up: in a
    handoff two agents may have the same toolset for a moment. A tool has its own name, without
    what OpenAI does not take. Where another toolset, or the agent, has a tool of the same name, it
    is offered as `{id}_{name}` (see ToolContext).
    """

    def __init__(
        self,
        *,
        id: str,
        mcp_server: MCPServer,
        tool_options: Mapping[str, MCPToolOptions] | None = None,
    ) -> None:
        """`tool_options` are by the server's names of its tools."""
        super().__init__(id=id)
        self._server = mcp_server
        self._tool_options = dict(tool_options or {})
        self._filters: list[Callable[[MCPTool], bool]] = []
        self._made: list[Tool | Toolset] | None = None
        self._users = 0
        mcp_server.on_change(self._forget)

    @property
    def mcp_server(self) -> MCPServer:
        """Whose tools they are."""
        return self._server

    @property
    def tools(self) -> list[Tool | Toolset]:
        """See the base class."""
        if self._made is None:
            listed = self._server.tools
            names = legal_names(tool.name for tool in listed)
            made = [self._make(tool, names[tool.name]) for tool in listed]
            self._made = [tool for tool in made if all(keep(tool) for keep in self._filters)]
        return self._made

    def filter_tools(self, keep: Callable[[MCPTool], bool]) -> Self:
        """Offer only those of which this is true, also of those that the server adds later."""
        self._filters.append(keep)
        self._forget()
        return self

    async def setup(self) -> Self:
        """Start the server. One that does not start is no error: its tools come when it is there.

        Waits no longer than the server's start may take.
        """
        self._users += 1
        await self._server.initialize()
        return self

    async def aclose(self) -> None:
        """See the class."""
        self._users = max(0, self._users - 1)
        if self._users == 0:
            await self._server.aclose()

    def _forget(self) -> None:
        self._made = None

    def _make(self, tool: types.Tool, name: str) -> MCPTool:
        options = self._tool_options.get(tool.name, {})
        function = _Function(self._server, tool.name, options)
        info = FunctionToolInfo(
            name=name,
            qualified_name=legal_name(f"{self.id}_{tool.name}"),
            description=tool.description or "",
            flags=options.get("flags", ToolFlag.NONE),
            on_duplicate=options.get("on_duplicate", "allow"),
            duplicate_scope=options.get("duplicate_scope", "name"),
            raw_schema={
                "name": name,
                "description": tool.description or "",
                "parameters": tool.input_schema,
            },
        )
        return RawFunctionTool(function.bound(), info)


class _Function:
    """What is called when the model calls a tool."""

    def __init__(self, server: MCPServer, name: str, options: MCPToolOptions) -> None:
        self._server = server
        self._name = name
        self._options = options

    def bound(self) -> Callable[..., Any]:
        """As a function: a tool is told from others by it."""

        async def call(raw_arguments: dict[str, Any], context: CallContext) -> Any:
            return await self._call(raw_arguments, context)

        call.__name__ = self._name
        return call

    async def _call(self, arguments: dict[str, Any], context: object) -> Any:
        result = await self._server.call_tool(
            self._name,
            arguments,
            timeout=self._options.get("timeout"),
            on_progress=self._progress(context),
        )
        return await resolve(
            MCPToolResultContext(tool_name=self._name, arguments=arguments, result=result),
            self._server.tool_result_resolver,
            self._server.max_result_chars,
        )

    def _progress(self, context: object) -> Progress | None:
        if not self._options.get("report_progress") or not isinstance(context, CanTell):
            return None
        return Progress(context, self._options.get("progress_interval", PROGRESS_INTERVAL))


@runtime_checkable
class CanTell(Protocol):
    """A RunContext, as far as progress goes."""

    async def update(self, message: str, *, silent: bool = False) -> None:
        """Say how far the work is."""


class Progress:
    """Passes on what a server says of its work, not too often."""

    def __init__(self, context: CanTell, interval: float) -> None:
        self._context = context
        self._interval = interval
        self._told_at: float | None = None

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """The SDK calls this with each notification."""
        if self._told_at is not None and now() - self._told_at < self._interval:
            return
        self._told_at = now()
        await self._context.update(message or _how_far(progress, total))


def _how_far(progress: float, total: float | None) -> str:
    return f"{progress:g} of {total:g} done." if total else f"{progress:g} done."
