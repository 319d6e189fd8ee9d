"""A survivor: counts, and counts on where it stopped when its process is killed.

Run it and dispatch it into a room. `agentd jobs` names its process: kill that, and see.

    agentd dev examples/survivor.py
"""

from __future__ import annotations

import asyncio

from agentd import AgentServer, JobContext, cli

server = AgentServer()


@server.rtc_session(agent_name="survivor")
async def entrypoint(ctx: JobContext) -> None:
    """Runs from its beginning again in the next process, with what was in `ctx.state`."""
    await ctx.connect()
    await ctx.wait_for_participant()
    if ctx.resumed:
        await ctx.agent.send_text(f"I am back, and was at {ctx.state['count']}")
    counting = asyncio.create_task(count(ctx))
    ctx.room.on("disconnected", lambda _: counting.cancel())


async def count(ctx: JobContext) -> None:
    """One a second, until the room is left."""
    while ctx.room.isconnected():
        ctx.state["count"] = ctx.state.get("count", 0) + 1
        ctx.state.save()  # before anybody is told, so that no number comes twice
        print(f"survivor: {ctx.state['count']}")
        await asyncio.sleep(1)


if __name__ == "__main__":
    cli.run_app(server)
