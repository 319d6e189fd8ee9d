"""An agent to chat with, whose answers a small language model makes up on this machine, offline.

    agentd models fetch       # once: 93 MB
    agentd dev examples/chatter.py
    agentd call --agent chatter --say examples/speech/jfk.wav --record answer.wav

It is fluent and knows little: what it says need not be true. assistant.py is the one with tools.
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, cli
from agentd.plugins import moonshine, piper, silero, smollm

server = AgentServer()

MIND = smollm.LLM(max_tokens=40)
SPEECH = moonshine.STT()
VOICE = piper.TTS()


class Chatter(Agent):
    """Talks about anything."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are a friendly voice assistant. Answer in one short sentence."
        )

    async def on_enter(self) -> None:
        """Say hello; the model is not needed for that."""
        self.session.say("Hello! What shall we talk about?")


def prewarm(proc: object) -> None:
    """Load the models before a call is there."""
    MIND.prewarm()
    SPEECH.prewarm()
    VOICE.prewarm()


server.setup_fnc = prewarm


@server.rtc_session(agent_name="chatter")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3), stt=SPEECH, llm=MIND, tts=VOICE
    )
    await session.start(agent=Chatter(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
