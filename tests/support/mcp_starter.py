"""Starts an MCP server that hears nothing any more, says its pid, and waits to be killed."""

from __future__ import annotations

import asyncio

from agentd.aio.tasks import TaskOwner
from tests.support.mcp_servers import opened, stdio_server


async def main() -> None:
    """Never ends by itself."""
    async with opened(stdio_server()) as box, TaskOwner("starter") as owner:
        pid = (await box.call("pid")).output
        owner.start(box.call("freeze"), name="freeze")
        print(pid, flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
