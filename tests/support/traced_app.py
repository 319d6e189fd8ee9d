"""A cashier whose conversations are traced. Runs in children.

The user and the loudspeaker are in memory, the room is real. The metadata of the job says what is
to happen: `talk` once, or `wait` after that for its process to be killed.
"""

from __future__ import annotations

import asyncio
import logging
import os

from agentd import Agent, AgentServer, AgentSession, JobContext, cli, function_tool
from agentd.testing import (
    FakeAudioInput,
    FakeAudioOutput,
    FakeCall,
    FakeLLM,
    FakeSTT,
    FakeTTS,
    FakeVAD,
)

logger = logging.getLogger("traced")
server = AgentServer()


class Waiter(Agent):
    """Has the word after the cashier."""

    def __init__(self) -> None:
        super().__init__(instructions="Wait.")


class Cashier(Agent):
    """Takes money."""

    def __init__(self) -> None:
        super().__init__(instructions="Take money.")

    @function_tool
    async def pay(self) -> tuple[Agent, str]:
        """Takes the money."""
        await asyncio.sleep(0.05)
        return Waiter(), "paid"


@server.rtc_session
async def entry(ctx: JobContext) -> None:
    """One turn, and then what the metadata says."""
    await ctx.connect()
    await ctx.wait_for_participant()
    ctx.add_shutdown_callback(say_goodbye)
    mic = FakeAudioInput()
    session: AgentSession[None] = AgentSession(
        llm=FakeLLM([] if ctx.resumed else [FakeCall("pay"), "It is paid."], default="Yes."),
        tts=FakeTTS(),
        stt=FakeSTT(["Please let me pay."]),
        vad=FakeVAD(),
        aec_warmup_duration=None,
    )
    session.input.audio, session.output.audio = mic, FakeAudioOutput()
    answered = asyncio.Event()
    session.on("conversation_item_added", lambda event: note(event.item, answered))
    await session.start(Cashier())
    mic.speak(0.3)
    await answered.wait()
    if ctx.job.metadata == "talk" or ctx.resumed:
        ctx.shutdown("the talk is over")
    else:
        logger.info("waits", extra={"action": "waits", "pid": os.getpid()})


def note(item: object, answered: asyncio.Event) -> None:
    """The last word of the conversation has been heard."""
    if getattr(item, "role", "") == "assistant":
        answered.set()


async def say_goodbye() -> None:
    """A callback of the job's end."""


if __name__ == "__main__":
    cli.run_app(server)
