"""Two agents, one call: the desk finds out what somebody wants and hands over to the right one.

    agentd dev examples/handoff.py

Write or say "I have a question about my bill", then "what do I owe", then "back".
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, cli, function_tool
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()


class Desk(Agent):
    """Answers first."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are the front desk.",
            llm=rules.LLM(
                greeting="Front desk, how can I help?",
                otherwise="I can put you through to billing.",
            ).rule("bill", "billing", "invoice", call="to_billing"),
        )

    async def on_enter(self) -> None:
        """Greet."""
        self.session.generate_reply()

    @function_tool
    async def to_billing(self) -> Agent:
        """Put the caller through to billing."""
        return Billing()


class Billing(Agent):
    """Knows what is owed."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are the billing department.",
            llm=rules.LLM(otherwise="Ask me what you owe, or say back.")
            .rule("hello", told=True, say="Billing here. What would you like to know?")
            .rule("owe", call="balance", then="You owe {output} dollars.")
            .rule("back", "desk", call="to_desk"),
        )

    async def on_enter(self) -> None:
        """Say who has the word now."""
        self.session.generate_reply(instructions="Say hello.")

    @function_tool
    async def balance(self) -> int:
        """What the caller owes, in dollars."""
        return 42

    @function_tool
    async def to_desk(self) -> Agent:
        """Put the caller through to the front desk."""
        return Desk()


@server.rtc_session(agent_name="handoff")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(), stt=moonshine.STT(), tts=piper.TTS(), user_away_timeout=None
    )
    await session.start(agent=Desk(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
