"""Push to talk: the agent listens only while a button is held, and answers when it is let go.

    agentd dev examples/push_to_talk.py

A client calls the RPC methods `start_turn`, `end_turn` and `cancel_turn` of the agent.
"""

from __future__ import annotations

from livekit import rtc

from agentd import Agent, AgentServer, AgentSession, JobContext, cli
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

LLM = rules.LLM(otherwise="I heard you, but not your country.").rule(
    "country", say="You spoke of your country."
)


@server.rtc_session(agent_name="push-to-talk")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        llm=LLM,
        tts=piper.TTS(),
        turn_handling={"turn_detection": "manual"},
        user_away_timeout=None,
    )
    await session.start(agent=Agent(instructions="Be brief."), room=ctx.room)
    session.input.set_audio_enabled(False)

    async def start_turn(_: rtc.RpcInvocationData) -> str:
        session.interrupt()
        session.clear_user_turn()
        session.input.set_audio_enabled(True)
        return "listening"

    async def end_turn(_: rtc.RpcInvocationData) -> str:
        session.input.set_audio_enabled(False)
        session.commit_user_turn(transcript_timeout=10.0)
        return "answering"

    async def cancel_turn(_: rtc.RpcInvocationData) -> str:
        session.input.set_audio_enabled(False)
        session.clear_user_turn()
        return "forgotten"

    for method in (start_turn, end_turn, cancel_turn):
        ctx.agent.register_rpc_method(method.__name__, method)


if __name__ == "__main__":
    cli.run_app(server)
