"""An agent on models of livekit.plugins: `agentd dev bridges/livekit/example.py`.

Needs OPENAI_API_KEY and DEEPGRAM_API_KEY, and `pip install agentd-livekit-plugins
livekit-plugins-openai livekit-plugins-deepgram livekit-plugins-silero`.
"""

from __future__ import annotations

from livekit.plugins import deepgram, openai, silero

from agentd import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli
from agentd_livekit import wrap


def prewarm(process: JobProcess) -> None:
    """Load the detector before there is a job."""
    process.userdata["vad"] = wrap(silero.VAD.load())


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session(agent_name="livekit-plugins")
async def entrypoint(ctx: JobContext) -> None:
    """Greet, and talk."""
    session = AgentSession[None](
        llm=wrap(openai.LLM()),
        stt=wrap(deepgram.STT()),
        tts=wrap(openai.TTS(response_format="pcm")),
        vad=ctx.proc.userdata["vad"],
    )
    await session.start(Agent(instructions="Be brief."), room=ctx.room)
    session.generate_reply(instructions="Greet the user.")


if __name__ == "__main__":
    cli.run_app(server)
