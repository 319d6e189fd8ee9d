"""An agent that tells a story, sentence by sentence. Runs in children.

`tell` in the metadata of its room begins the story, `pay` a tool that takes long, `end` ends it.
Each life says in the log what it knows.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from agentd import Agent, AgentServer, AgentSession, JobContext, ResumeContext, cli, function_tool
from agentd.testing import FakeCall, FakeLLM, FakeTTS

STORY = " ".join(f"This is sentence number {n} of the story." for n in range(1, 31))

logger = logging.getLogger("story")
server = AgentServer()


class Teller(Agent):
    """Tells it."""

    def __init__(self) -> None:
        super().__init__(instructions="Tell a story.")

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
                "action": "story_resumed",
                "again": ctx.interrupted_text[:40],
                "heard": self.chat_ctx.messages()[-1].text_content
                if self.chat_ctx.messages()
                else "",
                "unfinished": [call.name for call in ctx.unfinished_calls],
                "told": self.session.userdata["told"],
            },
        )
        await super().on_resume(ctx)


@server.rtc_session(agent_name="story")
async def entry(ctx: JobContext) -> None:
    """Start the session in the room, and do what the metadata says."""
    llm = FakeLLM([FakeCall("pay"), "I don't know whether it was paid."], default="Hm.")
    if ctx.resumed:
        llm.replies.pop(0)
    session: AgentSession[dict[str, int]] = AgentSession(
        llm=llm, tts=FakeTTS(), userdata={"told": 0}, dead_air=None
    )
    ctx.room.on("room_metadata_changed", lambda _old, new: obey(ctx, session, new))
    await session.start(Teller(), room=ctx.room)
    session.on("conversation_item_added", lambda event: tell(event.item))
    logger.info("here", extra={"action": "story_here", "pid": os.getpid()})


def tell(item: Any) -> None:
    """What was said, for who reads the log."""
    logger.info("said", extra={"action": "story_said", "text": str(getattr(item, "content", ""))})


def obey(ctx: JobContext, session: AgentSession[dict[str, int]], order: str) -> None:
    """Do what a caller asks for."""
    if order == "tell":
        session.userdata = {"told": 1}
        session.say(STORY)
    elif order == "pay":
        session.generate_reply(user_input="Pay!")
    elif order == "end":
        ctx.shutdown("the caller said so")


if __name__ == "__main__":
    cli.run_app(server)
