"""The servers of `mcp_tools`, as tests use them: started, killed, and called through a toolset."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from agentd.llm import FunctionCall, FunctionCallOutput, ToolContext, execute_function_call
from agentd.llm.mcp import MCPServer, MCPServerHTTP, MCPServerStdio, MCPToolOptions, MCPToolset
from agentd.llm.tools import CallContext

ROOT = Path(__file__).parents[2]
MODULE = ("-m", "tests.support.mcp_tools")
DEADLINE = 40.0

Kind = Literal["stdio", "http", "sse"]


class HttpProcess:
    """A server over HTTP, a process of its own, which may come back at the same port."""

    def __init__(self, kind: Kind = "http") -> None:
        self.kind = kind
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/{'sse' if self.kind == 'sse' else 'mcp'}"

    def start(self) -> None:
        """Listen; the second time where it did before."""
        self._process = subprocess.Popen(
            [sys.executable, *MODULE, self.kind, str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """End it by force, and see its end."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate(timeout=DEADLINE)


class Box:
    """A toolset, and the sight of it that a model has."""

    def __init__(self, toolset: MCPToolset) -> None:
        self.toolset = toolset
        self._changed = asyncio.Event()
        toolset.mcp_server.on_change(self._ring)

    @property
    def names(self) -> list[str]:
        """Of the tools that a model is offered."""
        return list(ToolContext([self.toolset]).function_tools)

    async def call(
        self, name: str, /, *, context: CallContext | None = None, **arguments: Any
    ) -> FunctionCallOutput:
        """What a model is told of a call."""
        call = FunctionCall(
            call_id="call_1", name=name, arguments=msgspec.json.encode(arguments).decode()
        )
        async with asyncio.timeout(DEADLINE):
            done = await execute_function_call(call, ToolContext([self.toolset]), call_ctx=context)
        assert done.fnc_call_out is not None
        return done.fnc_call_out

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so of its tools."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    def _ring(self) -> None:
        self._changed.set()


def stdio_server(**options: Any) -> MCPServerStdio:
    """A server that is a process of ours."""
    defaults: dict[str, Any] = {"client_session_timeout_seconds": 10.0, "cwd": ROOT}
    return MCPServerStdio(sys.executable, [*MODULE, "stdio"], **{**defaults, **options})


def http_server(url: str, **options: Any) -> MCPServerHTTP:
    """A server that is at a URL."""
    return MCPServerHTTP(url, **{"client_session_timeout_seconds": 10.0, **options})


@asynccontextmanager
async def opened(
    server: MCPServer, tool_options: dict[str, MCPToolOptions] | None = None, id: str = "tools"
) -> AsyncIterator[Box]:
    """A toolset from `setup` to `aclose`, each within the deadline."""
    box = Box(MCPToolset(id=id, mcp_server=server, tool_options=tool_options))
    try:
        async with asyncio.timeout(DEADLINE):
            await box.toolset.setup()
        yield box
    finally:
        async with asyncio.timeout(DEADLINE):
            await box.toolset.aclose()


@contextmanager
def http_process(kind: Kind = "http") -> Iterator[HttpProcess]:
    """A server over HTTP that is there."""
    process = HttpProcess(kind)
    try:
        process.start()
        yield process
    finally:
        process.kill()


def is_alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


async def seen_dead(pid: int) -> None:
    """Wait for a process's end, also of one that is no child of ours."""
    if not is_alive(pid):
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(DEADLINE):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
