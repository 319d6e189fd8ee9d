"""A server that is kept connected: supervised, with its list of tools, and called in time.

The SDK's scopes are entered and left in one task, a child of a supervisor, which lives as long as
the connection. When that ends, whatever the reason, the supervisor starts another under backoff.
Until then the tools stay known, and a call waits a moment and then is told what is the matter. A
server that fails too often counts as given up: its tools are offered no more, which is said once,
until it has come back.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib import import_module
from typing import Any, TypedDict

import mcp_types as types
from mcp import ClientSession, MCPError
from mcp.shared.dispatcher import ProgressFnT

from agentd.aio.bell import Bell
from agentd.aio.timing import wait_event
from agentd.errors import MCPServerLost, ToolError
from agentd.supervision.exits import describe
from agentd.supervision.intensity import Intensity
from agentd.supervision.report import Context, Report, write_report
from agentd.supervision.spec import BackoffSettings, ChildSpec, OnExceeded, SupervisorSpec
from agentd.supervision.supervisor import Supervisor
from agentd.supervision.tasks import task_child

from .results import MAX_RESULT_CHARS, MCPToolResultResolver
from .wire import Ear, Sign, Wire

# The SDK would load it in the first call of a tool, in the middle of a conversation: 0.2 s.
import_module("jsonschema.validators")

logger = logging.getLogger("agentd.mcp")

CALL_TIMEOUT = 30.0
"""Seconds that a call may take. Less than a session's own limit of 60, which knows no reason."""
BACK_TIMEOUT = 2.0
"""Seconds that a call waits for a server that is just being started anew."""
REASON_TIMEOUT = 0.5
"""Seconds that a call whose connection was lost waits to hear why."""
WRITE_GRACE = 1.0
"""Seconds for a request to be written, beside the time for its answer."""
CLOSE_TIMEOUT = 6.0
"""Seconds for a connection to be closed in good order: a process is asked twice."""
UNKNOWN = "nobody knows why"
MAX_TOOLS = 128
"""Of one server: OpenAI takes no more in a request."""
BACKOFF = BackoffSettings(base=0.2, cap=10.0)
INTENSITY = Intensity(restarts=5, period=30.0)


class ServerOptions(TypedDict, total=False):
    """Options of every MCPServer."""

    name: str
    """In logs, and in what a model is told."""
    call_timeout: float
    """Seconds that a call may take."""
    max_result_chars: int
    """Letters of a result that a model is told; the rest is cut off."""
    tool_result_resolver: MCPToolResultResolver | None
    """Makes of a result what the tool returns."""


class MCPServer(ABC):
    """A server, from `initialize` to `aclose`; a toolset does both."""

    def __init__(
        self,
        *,
        default_name: str,
        client_session_timeout_seconds: float = 5.0,
        name: str = "",
        call_timeout: float = CALL_TIMEOUT,
        max_result_chars: int = MAX_RESULT_CHARS,
        tool_result_resolver: MCPToolResultResolver | None = None,
        allowed_tools: Sequence[str] | None = None,
    ) -> None:
        """`client_session_timeout_seconds` is for each step of the start, and for a list."""
        self.name = name or default_name
        self.call_timeout = call_timeout
        self.max_result_chars = max_result_chars
        self.tool_result_resolver = tool_result_resolver
        self._timeout = client_session_timeout_seconds
        self._allowed = None if allowed_tools is None else set(allowed_tools)
        self._supervisor: Supervisor | None = None
        self._session: ClientSession | None = None
        self._wire = Wire()
        self._tools: list[types.Tool] = []
        self._given_up = False
        self._tried = asyncio.Event()
        self._bell = Bell()
        self._listeners: list[Callable[[], None]] = []

    @abstractmethod
    def client_streams(self, wire: Wire) -> AbstractAsyncContextManager[Any]:
        """Within `async with`: the SDK's pair of streams, to one connection.

        What goes wrong with it is told to `wire`, or raised.
        """

    # -- life ------------------------------------------------------------------------------

    @property
    def initialized(self) -> bool:
        """Whether it is connected now."""
        return self._session is not None and not self._wire.is_lost

    @property
    def given_up(self) -> bool:
        """Whether it failed so often that it is only tried now and then."""
        return self._given_up

    @property
    def fault(self) -> str:
        """What went wrong with it last, for people; empty where nothing did."""
        return self._wire.fault

    @property
    def tools(self) -> list[types.Tool]:
        """Those it was last heard to have; none where it was given up."""
        return [] if self._given_up else list(self._tools)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Be called whenever its tools may be others."""
        self._listeners.append(listener)

    async def initialize(self) -> None:
        """Connect; returns when that was done, or has failed once. May be repeated.

        Raises nothing then: a conversation goes on without, and the tools come when it is there.
        """
        if self._supervisor is not None:
            return
        self._tried.clear()
        self._supervisor = Supervisor(
            SupervisorSpec(name="mcp", children=(self._spec(),), intensity=INTENSITY),
            write=self._report,
        )
        await self._supervisor.start()
        await wait_event(self._tried, self._start_timeout)

    async def aclose(self) -> None:
        """End the connection, and with it a process. May be repeated."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            await supervisor.aclose()
        self._tools, self._given_up = [], False
        self._changed()

    @property
    def _start_timeout(self) -> float:
        return 2 * self._timeout  # to say hello, and to list

    def _spec(self) -> ChildSpec:
        return ChildSpec(
            id=self.name,
            start=task_child(self._live, name=self.name),
            shutdown=CLOSE_TIMEOUT,
            backoff=BACKOFF,
            # What is only trying to connect for so long must not count as healthy.
            healthy_after=self._start_timeout + 10.0,
            on_exceeded=OnExceeded.COOL_DOWN,
        )

    # -- one connection --------------------------------------------------------------------

    async def _live(self) -> None:
        wire = Wire()
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._start_timeout):
                    session = await self._connect(stack, wire)
                    tools = await self._list(session)
                self._go_up(session, wire, tools)
                await self._tend(session, wire)
        # The SDK may raise anything, in groups of groups; what matters is said in one line.
        except Exception as error:
            wire.lose(wire.fault or _reason(error))
            raise MCPServerLost(f"{self.name}: {wire.fault}") from error
        finally:
            wire.lose("it was closed")
            self._go_down(wire)

    async def _connect(self, stack: AsyncExitStack, wire: Wire) -> ClientSession:
        async def hear(message: Any) -> None:
            if isinstance(message, types.ToolListChangedNotification):
                wire.give(Sign.CHANGED)
            elif isinstance(message, Exception):
                self._tell_unreadable(message)

        heard, told = await stack.enter_async_context(self.client_streams(wire))
        session = await stack.enter_async_context(
            ClientSession(
                Ear(heard, wire),
                told,
                read_timeout_seconds=self._timeout,
                message_handler=hear,
                client_info=types.Implementation(name="agentd", version="1"),
            )
        )
        await session.initialize()
        return session

    async def _list(self, session: ClientSession) -> list[types.Tool]:
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(MAX_TOOLS):
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            found += [tool for tool in page.tools if self._is_allowed(tool)]
            cursor = page.next_cursor
            if cursor is None or len(found) > MAX_TOOLS:
                break
        if len(found) > MAX_TOOLS:
            logger.warning(
                "an MCP server has more tools than a model takes: the others are left out",
                extra={"action": "mcp_tools_left_out", "server": self.name, "limit": MAX_TOOLS},
            )
        return found[:MAX_TOOLS]

    def _is_allowed(self, tool: types.Tool) -> bool:
        return self._allowed is None or tool.name in self._allowed

    async def _tend(self, session: ClientSession, wire: Wire) -> None:
        """Look after a connection until it is lost; raises what it was lost by."""
        try:
            while await wire.goes_on():
                async with asyncio.timeout(self._start_timeout):
                    await self._look(session, wire)
        except (MCPError, TimeoutError) as error:
            wire.lose(_reason(error))
            raise
        finally:
            wire.lose()  # nobody is to call it while it is being closed, which may take seconds
        raise MCPServerLost(wire.fault)

    async def _look(self, session: ClientSession, wire: Wire) -> None:
        if wire.takes(Sign.SUSPECT):
            await session.send_ping()
        if wire.takes(Sign.CHANGED):
            self._tools = await self._list(session)
            self._changed()

    def _go_up(self, session: ClientSession, wire: Wire, tools: list[types.Tool]) -> None:
        self._session, self._wire, self._tools = session, wire, tools
        self._given_up = False
        self._tried.set()
        self._changed()
        logger.info(
            "an MCP server is connected",
            extra={"action": "mcp_connected", "server": self.name, "tools": len(tools)},
        )

    def _go_down(self, wire: Wire) -> None:
        self._session, self._wire = None, wire
        wire.is_over.set()
        self._tried.set()
        self._changed()

    def _changed(self) -> None:
        self._bell.ring()
        for listener in self._listeners:
            listener()

    # -- calls -----------------------------------------------------------------------------

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        *,
        timeout: float | None = None,
        on_progress: ProgressFnT | None = None,
    ) -> types.CallToolResult:
        """Call a tool, by the server's name for it; being cancelled cancels it there too.

        Raises ToolError, with a text for the model, where there is no result in time.
        """
        session, wire = await self._connected()
        seconds = self.call_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds + WRITE_GRACE):
                return await session.call_tool(
                    name, arguments, read_timeout_seconds=seconds, progress_callback=on_progress
                )
        except TimeoutError:
            raise self._overdue(wire, seconds) from None
        except MCPError as error:
            if error.code == types.REQUEST_TIMEOUT:
                raise self._overdue(wire, seconds) from None
            raise await self._refusal(wire, error) from error
        # RuntimeError and ValueError are the SDK's and pydantic's for a result that is not as the
        # tool's own schema says.
        except (RuntimeError, ValueError) as error:
            raise ToolError(f"The tool's result is not valid: {describe(error)[:500]}") from error

    async def _connected(self) -> tuple[ClientSession, Wire]:
        try:
            async with asyncio.timeout(0 if self._given_up else BACK_TIMEOUT):
                await self._bell.until(lambda: self.initialized)
        except TimeoutError:
            raise self._away(self._wire) from None
        assert self._session is not None
        return self._session, self._wire

    async def _refusal(self, wire: Wire, error: MCPError) -> ToolError:
        if not wire.is_lost and error.code != types.CONNECTION_CLOSED:
            fault = f" ({wire.fault})" if wire.fault else ""
            return ToolError(f"The tool could not be called: {error.message}{fault}")
        wire.give(Sign.SUSPECT)  # over HTTP it may be this answer alone that was lost
        await wait_event(wire.is_over, REASON_TIMEOUT)
        if not wire.is_lost:
            return ToolError(
                f"The tool's answer was lost: {error.message}. Whether it did its work is unknown."
            )
        return ToolError(
            f"The tool's server '{self.name}' was lost during the call: {wire.fault or UNKNOWN}. "
            "Whether the tool did its work is unknown. The server is being started anew."
        )

    def _away(self, wire: Wire) -> ToolError:
        return ToolError(
            f"The tool's server '{self.name}' is not there now: {wire.fault or UNKNOWN}. "
            "It is being started anew; go on without the tool, or try again later."
        )

    def _overdue(self, wire: Wire, seconds: float) -> ToolError:
        wire.give(Sign.SUSPECT)
        return ToolError(
            f"The tool did not answer within {seconds:g} s and was cancelled. Whether it did its "
            "work is unknown."
        )

    # -- what is said of it ----------------------------------------------------------------

    def _report(self, supervisor: str, report: Report) -> None:
        facts = {
            "server": self.name,
            "reason": report.reason,
            "next_start_in": round(report.next_start_in or 0.0, 3),
        }
        match report.context:
            case Context.FAILING:
                self._given_up = True
                self._changed()
                logger.error(
                    "an MCP server failed too often: the session goes on without its tools, and "
                    "tries it now and then",
                    extra={"action": "mcp_given_up", **facts},
                )
            case Context.CHILD_TERMINATED:
                logger.log(
                    logging.DEBUG if self._given_up else logging.WARNING,
                    "an MCP server is not there: it is started anew",
                    extra={"action": "mcp_lost", **facts},
                )
            case _:
                write_report(supervisor, report)

    def _tell_unreadable(self, error: Exception) -> None:
        logger.debug(
            "an MCP server said what is no message",
            extra={"action": "mcp_unreadable", "server": self.name, "reason": describe(error)},
        )


def _reason(error: BaseException) -> str:
    """An error, or the first of a group that is not our own, as one line."""
    told = next((one for one in _leaves(error) if not isinstance(one, MCPServerLost)), None)
    match told:
        case None:
            return "the connection was closed"
        case TimeoutError():
            return "it did not answer in time"
        case MCPError():
            timed_out = told.code == types.REQUEST_TIMEOUT
            return "it did not answer in time" if timed_out else told.message
        case _:
            return describe(told)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
