"""An interpreter: what one says in English it says in German, and the other way round.

    agentd dev examples/translator.py

Write "good morning", then "auf deutsch" or "in english" to turn it round. Here it knows a few
phrases; with another language model it would be told: "Translate what you hear, and nothing else".
"""

from __future__ import annotations

from agentd import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    RunContext,
    cli,
    function_tool,
    llm,
)
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

PHRASES = {
    "good morning": "guten Morgen",
    "thank you": "danke",
    "where is the station": "wo ist der Bahnhof",
    "how much is it": "was kostet das",
}


def phrasebook(into: str, otherwise: str) -> llm.LLM:
    """A model that knows the phrases in one direction, and when to change it."""
    book = rules.LLM(otherwise=otherwise).rule("deutsch", call="speak_german")
    book.rule("english", call="speak_english")
    for english, german in PHRASES.items():
        heard, said = (english, german) if into == "de" else (german, english)
        book.rule(heard.lower(), say=f"{said[0].upper()}{said[1:]}.")
    made: llm.LLM = book
    return made


class Interpreter(Agent):
    """Speaks one of the two languages; the other one is another agent."""

    def __init__(self, into: str) -> None:
        greeting = "Ich übersetze ins Deutsche." if into == "de" else "I translate into English."
        unknown = "Das kenne ich nicht." if into == "de" else "I do not know that."
        super().__init__(
            instructions=f"Translate what you hear into {into}, and say nothing else.",
            llm=phrasebook(into, unknown),
        )
        self._greeting = greeting

    async def on_enter(self) -> None:
        """Say into which language it goes from now on."""
        self.session.say(self._greeting)

    @function_tool
    async def speak_german(self, context: RunContext[None]) -> Agent:
        """Translate into German from now on."""
        return Interpreter("de")

    @function_tool
    async def speak_english(self, context: RunContext[None]) -> Agent:
        """Translate into English from now on."""
        return Interpreter("en")


@server.rtc_session(agent_name="translator")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(), stt=moonshine.STT(), tts=piper.TTS(), user_away_timeout=None
    )
    await session.start(agent=Interpreter("de"), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
