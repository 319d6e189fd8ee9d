"""A library's catalogue as an MCP server, with the official SDK. examples/mcp_agent.py uses it.

python examples/mcp_server.py           on standard input and output: the agent starts it so
python examples/mcp_server.py --http    at http://127.0.0.1:8000/mcp
"""

from __future__ import annotations

import sys

from mcp.server import MCPServer

server = MCPServer("library")

SHELVES = {"dune": "science fiction", "emma": "novels", "walden": "essays"}


@server.tool()
def find_book(title: str) -> str:
    """Say where a book is."""
    shelf = SHELVES.get(title.lower())
    return f"{title} is in {shelf}." if shelf else f"We do not have {title}."


@server.tool()
def opening_hours() -> str:
    """Say when the library is open."""
    return "We are open from nine to six."


if __name__ == "__main__":
    server.run("streamable-http" if "--http" in sys.argv else "stdio")
