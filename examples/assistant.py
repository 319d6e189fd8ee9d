"""An assistant that hears, answers and speaks by models on this machine: no key, no internet.

    agentd models fetch       # once
    agentd dev examples/assistant.py

Ask it about opening hours, or order something: it looks into its book by tools.
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, RunContext, cli, function_tool
from agentd.plugins import moonshine, piper, rules, silero

# Loaded once, in a process that all calls share.
server = AgentServer(models=[moonshine.STT.ref(), piper.TTS.ref()])

PRICES = {"pizza": 14, "salad": 9, "coffee": 3}

# A language model in a few rules, so that the example is the same each time. Any other goes here.
LLM = (
    rules.LLM(
        greeting="Hello, this is the corner kitchen. What can I do for you?",
        otherwise="I heard you. Ask me what something costs, or order it.",
    )
    .rule("bye", "thank you", say="Thank you for calling. Good bye!")
    .rule(
        pattern=r"(?:costs?|price of|how much is)(?: an?| the)? (?P<item>\w+)",
        call="price_of",
        arguments={"item": "{item}"},
        then="A {item} costs {output} dollars.",
        failed="We have no {item}, I am afraid.",
    )
    .rule(
        pattern=r"country",
        say="That is well said. And what can I do for you today?",
    )
)


class Assistant(Agent):
    """Answers the telephone of a small kitchen."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer the telephone of the corner kitchen. Be brief.")

    async def on_enter(self) -> None:
        """Say hello."""
        self.session.generate_reply()

    @function_tool
    async def price_of(self, context: RunContext[None], item: str) -> int:
        """What something costs.

        Args:
            item: A dish or a drink.
        """
        return PRICES[item.lower()]


@server.rtc_session(agent_name="assistant")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3),
        stt=moonshine.STT(),
        llm=LLM,
        tts=piper.TTS(),
    )
    await session.start(agent=Assistant(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
