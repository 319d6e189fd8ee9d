"""A conversation that outlives its process: it goes on counting when that is killed.

    agentd dev examples/counter.py

Say or write "more" a few times. `agentd jobs` names the job's process: kill -9 it, and say "more".
"""

from __future__ import annotations

from dataclasses import dataclass

from agentd import Agent, AgentServer, AgentSession, JobContext, RunContext, cli, function_tool
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()


@dataclass
class Tally:
    """What the session keeps; it is in each snapshot."""

    count: int = 0


class Counter(Agent):
    """Counts."""

    def __init__(self) -> None:
        super().__init__(instructions="You count.")

    async def on_enter(self) -> None:
        """Greet; not called when the conversation goes on in another process."""
        self.session.generate_reply()

    @function_tool
    async def more(self, context: RunContext[Tally]) -> int:
        """Count one more."""
        context.userdata.count += 1
        return context.userdata.count


@server.rtc_session(agent_name="counter")
async def entrypoint(ctx: JobContext) -> None:
    """Runs anew in the next process; the session then goes on from its last snapshot."""
    session = AgentSession[Tally](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        tts=piper.TTS(),
        llm=rules.LLM(otherwise="Say more.").rule("more", call="more", then="That is {output}."),
        userdata=Tally(),
        user_away_timeout=None,
    )
    await session.start(agent=Counter(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
