"""An MCP server written with the official SDK, with tools that do well and tools that do not.

python -m tests.support.mcp_tools stdio
python -m tests.support.mcp_tools http PORT     (0 takes any; the port is the first line)
python -m tests.support.mcp_tools sse PORT
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("tools")
ended: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
"""Calls of `hang` that are over, by their keys."""


@dataclass
class Weather:
    """What a forecast says."""

    city: str
    degrees: int


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool(name="files.read")
def read_file() -> str:
    """A tool with a name that OpenAI does not take."""
    return "what is in the file"


@server.tool()
def forecast(city: str) -> Weather:
    """A structured result."""
    return Weather(city, 21)


@server.tool()
def only_data() -> types.CallToolResult:
    """A result without a text."""
    return types.CallToolResult(content=[], structured_content={"degrees": 21})


@server.tool()
def picture() -> types.CallToolResult:
    """A picture, a link and a file beside a text."""
    return types.CallToolResult(
        content=[
            types.TextContent(text="A cat."),
            types.ImageContent(data="aGk=", mime_type="image/png"),
            types.ResourceLink(name="cat", uri="file:///cat.png"),
            types.EmbeddedResource(
                resource=types.TextResourceContents(uri="file:///cat.txt", text="It is grey.")
            ),
        ]
    )


@server.tool()
def fail() -> str:
    """An error that the server says."""
    raise ToolError("There is no such city.")


@server.tool()
def huge(size: int) -> str:
    """So many letters."""
    return "x" * size


@server.tool()
async def hang(ctx: Context[Any], key: str = "") -> str:
    """Says that it has begun, and then nothing until it is cancelled."""
    await ctx.report_progress(0, 1, "begun")
    try:
        await anyio.sleep_forever()
    finally:
        ended[key].set()
    return ""


@server.tool()
async def was_cancelled(key: str = "") -> str:
    """Waits until a call of `hang` has ended."""
    with anyio.fail_after(5):
        await ended[key].wait()
    return "yes"


@server.tool()
def freeze() -> str:
    """Stops the whole process, as a deadlock would."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return ""


@server.tool()
def die() -> str:
    """Kills the process in the middle of the call."""
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


@server.tool()
async def count(ctx: Context[Any], to: int) -> str:
    """Says how far it is."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return "counted"


@server.tool()
async def slow_count(ctx: Context[Any], to: int) -> str:
    """Says how far it is, and waits for a moment after that."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    await anyio.sleep(0.5)
    return "counted"


@server.tool()
async def learn(ctx: Context[Any], name: str) -> str:
    """Adds a tool, and says so."""
    server.add_tool(lambda: "learned", name=name, description="A tool that was learned.")
    await ctx.session.send_tool_list_changed()
    return name


@server.tool()
def pid() -> str:
    """Of the process."""
    return str(os.getpid())


@server.tool()
def environment() -> str:
    """The names of what is in the environment."""
    return " ".join(sorted(os.environ))


@server.tool()
def complain(text: str) -> str:
    """Writes to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    return "complained"


@server.tool()
def spawn() -> str:
    """Starts a process that would outlive the server; its pid."""
    return str(subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL).pid)


def main(transport: str, port: int = 0) -> None:
    """Serve until told to stop."""
    if transport == "stdio":
        server.run("stdio")
        return
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads this
    app = server.sse_app() if transport == "sse" else server.streamable_http_app()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], *(int(port) for port in sys.argv[2:]))
