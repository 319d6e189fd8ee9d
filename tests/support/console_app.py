"""An agent to talk with in a console: two agents, tools that work and fail, a callback at the end.

The job's metadata says what it is to do: "sound" has it hear and speak, "crash" raises, "mute"
starts no session, "stuck" does not heed its end.
"""

from __future__ import annotations

import time

from agentd import Agent, AgentServer, AgentSession, JobContext, cli, function_tool
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

PRICES = {"pizza": 14}

LLM = (
    rules.LLM(greeting="Hello.", otherwise="I heard you.")
    .rule(
        pattern=r"how much is(?: an?| the)? (?P<item>\w+)",
        call="price_of",
        arguments={"item": "{item}"},
        then="A {item} costs {output} dollars.",
        failed="There is no {item}.",
    )
    .rule("bill", call="to_billing")
    .rule("bye", call="hang_up", then="Bye.")
)


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the desk.", llm=LLM)

    @function_tool
    async def price_of(self, item: str) -> int:
        """What something costs."""
        return PRICES[item]

    @function_tool
    async def to_billing(self) -> Agent:
        """Hand over."""
        return Billing()

    @function_tool
    async def hang_up(self) -> None:
        """End the call."""
        self.session.shutdown()


class Billing(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You do the bills.", llm=rules.LLM(otherwise="Billing."))


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    async def ended(reason: str) -> None:
        print(f"callback: {reason}", flush=True)
        if ctx.job.metadata == "stuck":
            print("stuck", flush=True)
            time.sleep(60)  # noqa: ASYNC251 - that is the point

    ctx.add_shutdown_callback(ended)
    caller = await ctx.wait_for_participant()
    print(f"in room {ctx.room.name} with {caller.identity}", flush=True)
    if ctx.job.metadata == "crash":
        raise RuntimeError("the oven is cold")
    if ctx.job.metadata == "mute":
        return
    sound = ctx.job.metadata == "sound"
    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3) if sound else None,
        stt=moonshine.STT() if sound else None,
        tts=piper.TTS() if sound else None,
    )

    @session.on("sip_dtmf_received")
    def _on_key(event: object) -> None:
        print(f"key {event.digit}", flush=True)  # type: ignore[attr-defined]

    await session.start(Desk(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
