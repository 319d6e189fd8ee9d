"""The app of the daemon's tests: what a job does is said by its metadata. Runs in children."""

from __future__ import annotations

import asyncio
import logging
import os
import time

from agentd import AgentServer, JobContext, JobProcess, JobRequest, cli

MARKER = "user-module-in-memory-7f3a"
"""Only a process that has imported this file has this text in its memory."""

logger = logging.getLogger("app")


def prewarm(process: JobProcess) -> None:
    """Takes as long as it is told to."""
    time.sleep(float(os.environ.get("TEST_PREWARM", "0")))


server = AgentServer(setup_fnc=prewarm)


async def on_request(request: JobRequest) -> None:
    """Answers by the job's metadata."""
    task = request.job.metadata
    if task == "reject":
        await request.reject()
    elif task == "request raises":
        raise ValueError("no thanks")
    elif task == "request hangs":
        print("asked", flush=True)
        await asyncio.sleep(3600)
    elif task == "accept as":
        await request.accept(
            name="Polly",
            identity="polly-1",
            metadata="a parrot",
            attributes={"colour": "green"},
        )
    else:
        await request.accept()


@server.rtc_session(agent_name="from-the-app", on_request=on_request)
async def entry(ctx: JobContext) -> None:
    """Does what the job's metadata says."""
    task = ctx.job.metadata
    print(f"begin {task}")
    if task == "fail":
        raise ValueError("no such voice")
    if task == "print":
        for number in range(3):
            print(f"line {number}")
        logger.info("a record", extra={"action": "app_record"})
    ctx.add_shutdown_callback(lambda reason: goodbye(ctx, reason))
    ctx.room.on("room_metadata_changed", lambda _old, new: hear(ctx, new))
    await ctx.connect()
    if task == "accept as":
        agent = ctx.agent
        print(f"I am {agent.identity} {agent.name} {agent.metadata} {agent.attributes['colour']}")
    if task in ("finish", "print", "accept as"):
        ctx.shutdown("finished")
    else:
        print("holding")


def hear(ctx: JobContext, words: str) -> None:
    """Does what a caller says."""
    print(f"heard {words}")
    if words == "end":
        ctx.shutdown("the caller said so")


async def goodbye(ctx: JobContext, reason: str) -> None:
    """The last word of a job; slow if the job was told to be."""
    await asyncio.sleep(1.0 if ctx.job.metadata == "hold, slow end" else 0)
    print(f"goodbye: {reason}")


if __name__ == "__main__":
    cli.run_app(server)
