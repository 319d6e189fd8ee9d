"""An agent whose file is saved while it talks: what it says has a mark of its version. In children.

What the metadata of its room says is an order: `note X` keeps X in the userdata and answers, `tell`
begins a long story, `pay` a tool that takes long, `block` stops the event loop, `end` ends the job.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

from agentd import Agent, AgentServer, AgentSession, JobContext, ResumeContext, cli, function_tool
from agentd.testing import FakeCall, FakeLLM, FakeTTS

VERSION = 1

STORY = " ".join(f"This is sentence number {n} of the story." for n in range(1, 31))

logger = logging.getLogger("swap")
server = AgentServer()


class Clerk(Agent):
    """Knows its version by its instructions."""

    def __init__(self) -> None:
        super().__init__(instructions=f"You are version {VERSION}.")

    @function_tool
    async def pay(self) -> str:
        """Takes long, and must not be done twice."""
        logger.info("paying", extra={"action": "paying"})
        await asyncio.sleep(30.0)
        return "paid"

    async def on_resume(self, ctx: ResumeContext) -> None:
        """Say what is known, and go on as agents do."""
        logger.info(
            "resumed",
            extra={
                "action": "swap_resumed",
                "version": VERSION,
                "instructions": self.instructions,
                "why": ctx.reason,
                "again": ctx.interrupted_text[:40],
                "notes": " ".join(self.session.userdata),
                "history": " / ".join(m.text_content or "" for m in self.chat_ctx.messages()),
            },
        )
        if ctx.interrupted_text:
            await super().on_resume(ctx)
        else:
            await self.session.say(f"This is version {VERSION} now. " + STORY)


@server.rtc_session(agent_name="swap")
async def entry(ctx: JobContext) -> None:
    """Start the session in the room, and do what the metadata says."""
    if ctx.job.metadata == "deaf":  # a job without a session, which keeps nothing
        ctx.room.on("room_metadata_changed", lambda _old, _new: ctx.shutdown("said so"))
        await ctx.connect()
        logger.info("here", extra={"action": "swap_here", "pid": os.getpid()})
        return
    llm = FakeLLM(by_input={"pay": FakeCall("pay")}, default=f"Version {VERSION} has noted it.")
    session: AgentSession[list[str]] = AgentSession(
        llm=llm, tts=FakeTTS(), userdata=[], dead_air=None
    )
    ctx.room.on("room_metadata_changed", lambda _old, new: obey(ctx, session, new))
    ctx.add_shutdown_callback(shut_down)
    await session.start(Clerk(), room=ctx.room)
    logger.info(
        "here",
        extra={"action": "swap_here", "version": VERSION, "pid": os.getpid(), "to": ctx.resumes},
    )


async def shut_down() -> None:
    """The job is over, which it is once only."""
    logger.info("over", extra={"action": "swap_over", "version": VERSION})


def obey(ctx: JobContext, session: AgentSession[list[str]], order: str) -> None:
    """Do what a caller asks for."""
    if order.startswith("note "):
        session.userdata = [*session.userdata, order.removeprefix("note ")]
        session.generate_reply(user_input=order.removeprefix("note "))
    elif order == "tell":
        session.say(STORY)
    elif order == "pay":
        session.generate_reply(user_input="pay")
    elif order == "block":
        logger.info("blocking", extra={"action": "blocking"})
        time.sleep(60.0)  # as code does that never heard of asyncio
    elif order == "end":
        ctx.shutdown("the caller said so")


if __name__ == "__main__":
    cli.run_app(server)
