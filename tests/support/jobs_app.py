"""An app whose jobs do what their metadata says."""

# ruff: noqa: T201, ASYNC220, ASYNC221 - what users write, which agentd has to bear

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading

from agentd import AgentServer, JobContext, JobProcess

logger = logging.getLogger("my_agent")


def prewarm(process: JobProcess) -> None:
    """Prepare something for the job."""
    process.userdata["prewarmed_in"] = os.getpid()
    logger.info("prewarmed")


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session()
async def entry(ctx: JobContext) -> None:
    """Do as told."""
    await MANNERS[ctx.job.metadata](ctx)


async def is_done(ctx: JobContext) -> None:
    """End at once."""
    ctx.shutdown("done")


async def stays(ctx: JobContext) -> None:
    """Run until told otherwise."""
    await asyncio.Event().wait()


async def remembers(ctx: JobContext) -> None:
    """Keep what is needed to go on, and say how far it is. Its end would be told, too."""

    async def its_end() -> None:
        print("its end")

    ctx.state["step"] = ctx.state.get("step", 0) + 1
    ctx.add_shutdown_callback(its_end)
    print("step", ctx.state["step"], ctx.resume_reason)
    try:
        await asyncio.Event().wait()
    finally:
        print("was cancelled")


async def returns(ctx: JobContext) -> None:
    """Return and be connected: a job without a room of its own stays until it is ended."""


async def raises(ctx: JobContext) -> None:
    """Fail."""
    raise ValueError("the model is missing")


async def exits_7(ctx: JobContext) -> None:
    """Leave without a word."""
    print("half a line", end="")
    os._exit(7)


async def logs(ctx: JobContext) -> None:
    """Say things in every way there is."""
    ctx.log_context_fields = {"customer": "c-7"}
    logger.warning("from the entrypoint", extra={"attempt": 2})
    thread = threading.Thread(target=logger.info, args=("from a thread",))
    thread.start()
    thread.join()
    ctx.shutdown("done")


async def prints(ctx: JobContext) -> None:
    """Write to the standard streams in every way there is."""
    print("from print")
    print("from print to stderr", file=sys.stderr)
    os.write(1, b"from os.write\n")
    subprocess.run([sys.executable, "-c", "print('from a subprocess')"], check=True)
    await asyncio.Event().wait()


async def floods(ctx: JobContext) -> None:
    """Log without end, and never wait for it."""
    for number in range(20_000):
        logger.info("flood %d %s", number, "x" * 200)
    print("flooded")
    await asyncio.sleep(0)
    ctx.shutdown("done")


async def prints_a_lot(ctx: JobContext) -> None:
    """Print ten megabytes at once."""
    sys.stdout.write("y" * 99 + "\n" * 1)
    sys.stdout.write(("y" * 99 + "\n") * 100_000)
    logger.info("printed it all")
    ctx.shutdown("done")


async def has_callbacks(ctx: JobContext) -> None:
    """Three shutdown callbacks: one fails, one hangs, one is fine."""

    async def fails() -> None:
        raise RuntimeError("no disk")

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def fine(reason: str) -> None:
        print("told of", reason)

    for callback in (fails, hangs, fine):
        ctx.add_shutdown_callback(callback)
    ctx.shutdown("done")


async def leaves_a_thread(ctx: JobContext) -> None:
    """End with a thread that never does, so that the process can't exit."""
    threading.Thread(target=threading.Event().wait).start()
    ctx.shutdown("done")


async def leaves_a_grandchild(ctx: JobContext) -> None:
    """End with a program that holds the output open, and would for a minute."""
    program = subprocess.Popen(["sleep", "60"])
    print("grandchild", program.pid)
    ctx.shutdown("done")


async def blocks(ctx: JobContext) -> None:
    """Hold up the event loop, so that nothing else is heard."""
    print("blocking")
    threading.Event().wait()


MANNERS = {
    "": is_done,
    "blocks": blocks,
    "exits_7": exits_7,
    "floods": floods,
    "has_callbacks": has_callbacks,
    "leaves_a_grandchild": leaves_a_grandchild,
    "leaves_a_thread": leaves_a_thread,
    "logs": logs,
    "prints": prints,
    "prints_a_lot": prints_a_lot,
    "raises": raises,
    "remembers": remembers,
    "stays": stays,
}
