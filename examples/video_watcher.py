"""An agent that looks at the caller's camera, and says which colour it sees.

    agentd dev examples/video_watcher.py

Write or say "what colour is it". A model that reads pictures would be given the frame itself:
`message.content.append(ImageContent(image=as_picture(frame)))` in `on_user_turn_completed`; a
realtime model that sees is shown it without a word of yours.
"""

from __future__ import annotations

import numpy as np

from agentd import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    RunContext,
    ToolError,
    cli,
    function_tool,
    room_io,
)
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 160, 40),
    "blue": (40, 40, 200),
    "yellow": (220, 200, 40),
    "black": (10, 10, 10),
    "grey": (128, 128, 128),
    "white": (245, 245, 245),
}

LLM = rules.LLM(otherwise="Ask me which colour I see.").rule(
    pattern=r"colou?r", call="look", then="I see something {output}.", failed="I see nothing yet."
)


class Watcher(Agent):
    """Looks when it is asked."""

    def __init__(self) -> None:
        super().__init__(instructions="You tell what you see.")

    async def on_enter(self) -> None:
        """Say that it looks."""
        self.session.say("Show me something.")

    @function_tool
    async def look(self, context: RunContext[None]) -> str:
        """Look which colour the camera shows."""
        frame = context.session.latest_video_frame
        if frame is None:
            raise ToolError("there is no picture")
        pixels = np.frombuffer(frame.data, dtype=np.uint8).reshape(-1, 4)[:, :3]
        mean = pixels.mean(axis=0)
        return min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))


@server.rtc_session(agent_name="video-watcher")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        llm=LLM,
        tts=piper.TTS(),
        user_away_timeout=None,
    )
    await session.start(
        agent=Watcher(), room=ctx.room, room_options=room_io.RoomOptions(video_input=True)
    )


if __name__ == "__main__":
    cli.run_app(server)
