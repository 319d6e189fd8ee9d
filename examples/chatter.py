"""An agent to chat with, whose answers a small language model makes up on this machine, offline.

    agentd models fetch       # once: 93 MB
    agentd dev examples/chatter.py
    agentd call --agent chatter --say examples/speech/jfk.wav --record answer.wav

It is fluent and knows little: what it says need not be true. assistant.py is the one with tools.
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, cli
from agentd.plugins import moonshine, piper, silero, smollm

# Loaded once, in a process that all calls share.
server = AgentServer(models=[smollm.LLM.ref(), moonshine.STT.ref(), piper.TTS.ref()])


class Chatter(Agent):
    """Talks about anything."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are a friendly voice assistant. Answer in one short sentence."
        )

    async def on_enter(self) -> None:
        """Say hello; the model is not needed for that."""
        self.session.say("Hello! What shall we talk about?")


@server.rtc_session(agent_name="chatter")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3),
        stt=moonshine.STT(),
        llm=smollm.LLM(max_tokens=40),
        tts=piper.TTS(),
    )
    await session.start(agent=Chatter(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
