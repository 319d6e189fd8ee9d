"""Sounds in the background: an office while one talks, typing while it thinks, music on hold.

    agentd dev examples/background_music.py

Write or say "hold the line", and "go on".
"""

from __future__ import annotations

import asyncio

from agentd import (
    Agent,
    AgentServer,
    AgentSession,
    AudioConfig,
    BackgroundAudioPlayer,
    BuiltinAudioClip,
    JobContext,
    PlayHandle,
    cli,
    function_tool,
)
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

LLM = (
    rules.LLM(otherwise="I am listening.")
    .rule("hold", call="hold", then="{output}")
    .rule("go on", call="go_on", then="{output}")
    .rule("look up", call="look_up", then="{output}")
)


class Clerk(Agent):
    """Can put the caller on hold."""

    def __init__(self, player: BackgroundAudioPlayer) -> None:
        super().__init__(instructions="You are a clerk.")
        self._player = player
        self._music: PlayHandle | None = None

    async def on_enter(self) -> None:
        """Say hello."""
        self.session.say("How can I help?")

    @function_tool
    async def hold(self) -> str:
        """Put the caller on hold."""
        music = AudioConfig(BuiltinAudioClip.HOLD_MUSIC, fade_in=1.0, fade_out=1.0)
        self._music = self._music or self._player.play(music, loop=True)
        return "Hold the line, please."

    @function_tool
    async def go_on(self) -> str:
        """Take the caller off hold."""
        if self._music is not None:
            self._music.stop()
        self._music = None
        return "Thank you for waiting."

    @function_tool
    async def look_up(self) -> str:
        """Look something up, which takes a while: typing is heard."""
        await asyncio.sleep(3.0)
        return "I have found it."


@server.rtc_session(agent_name="background-music")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    player = BackgroundAudioPlayer(
        ambient_sound=AudioConfig(BuiltinAudioClip.OFFICE_AMBIENCE, volume=0.6),
        thinking_sound=[
            AudioConfig(BuiltinAudioClip.KEYBOARD_TYPING, probability=0.5),
            AudioConfig(BuiltinAudioClip.KEYBOARD_TYPING2, probability=0.5),
        ],
    )
    session = AgentSession[None](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        llm=LLM,
        tts=piper.TTS(),
        user_away_timeout=None,
    )
    await session.start(agent=Clerk(player), room=ctx.room)
    await player.start(room=ctx.room, agent_session=session)
    ctx.add_shutdown_callback(player.aclose)


if __name__ == "__main__":
    cli.run_app(server)
