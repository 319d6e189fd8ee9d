"""An agent whose language model is OpenAI's, or any that speaks its API; it hears and speaks here.

    export OPENAI_API_KEY=...
    agentd dev examples/openai_agent.py

With OPENAI_BASE_URL another service is asked: llama.cpp's server, vLLM, a gateway.
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, cli, function_tool
from agentd.plugins import moonshine, openai, piper, silero

server = AgentServer(models=[moonshine.STT.ref(), piper.TTS.ref()])

PRICES = {"small": 9, "large": 14}


class Waiter(Agent):
    """Takes orders for pizza."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You take orders for pizza on the phone. Answer in one short sentence. "
            "Never guess a price: look it up."
        )

    async def on_enter(self) -> None:
        """Say hello; the model is not needed for that."""
        self.session.say("Pizza service, what would you like?")

    @function_tool
    async def look_up_price(self, size: str) -> str:
        """Look up what a pizza costs.

        Args:
            size: small or large.
        """
        price = PRICES.get(size)
        return "There is no such size." if price is None else f"{price} dollars"


@server.rtc_session(agent_name="openai-agent")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3),
        stt=moonshine.STT(),
        llm=openai.LLM(model="gpt-4.1-mini", temperature=0.3),
        tts=piper.TTS(),
    )
    await session.start(agent=Waiter(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
