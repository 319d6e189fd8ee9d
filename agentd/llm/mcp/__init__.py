"""Tools of MCP servers: processes on stdin and stdout, and services over HTTP.

A server is supervised (`server`): one that dies is started anew under backoff, and its tools come
back by themselves. Needs the extra `mcp`. Import it at the top of the app's module: the official
SDK takes a second to load, which the template spends once for all children.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("mcp") is None:
    raise ImportError(
        "MCP servers need the official SDK, which is not installed: pip install 'agentd[mcp]'"
    )

from .http import MCPServerHTTP
from .options import MCPToolOptions
from .results import MCPToolResultContext, MCPToolResultResolver
from .server import MCPServer
from .stdio import MCPServerStdio
from .toolset import MCPTool, MCPToolset

__all__ = [
    "MCPServer",
    "MCPServerHTTP",
    "MCPServerStdio",
    "MCPTool",
    "MCPToolOptions",
    "MCPToolResultContext",
    "MCPToolResultResolver",
    "MCPToolset",
]
