"""examples/assistant.py with its local models, which tells what stage of a turn was over when."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from agentd import AgentServer, AgentSession, JobContext, UserInputTranscribedEvent, cli
from agentd.plugins import moonshine, piper, silero
from benchmarks.app import mark
from examples.assistant import LLM, Assistant

server = AgentServer(models=[moonshine.STT.ref(), piper.TTS.ref()])


class Watched(Assistant):
    """The assistant, with a mark after each stage."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room

    async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
        """The turn is over."""
        mark("turn", self._room)

    async def llm_node(self, *args: Any) -> AsyncIterator[Any]:
        """The first token."""
        async for piece in self._watched("token", super().llm_node(*args)):
            yield piece

    async def tts_node(self, *args: Any) -> AsyncIterator[Any]:
        """The first audio."""
        async for piece in self._watched("audio", super().tts_node(*args)):
            yield piece

    async def _watched(self, what: str, pieces: Any) -> AsyncIterator[Any]:
        first = True
        stream: AsyncIterable[Any] = await pieces if hasattr(pieces, "__await__") else pieces
        async for piece in stream:
            if first:
                mark(what, self._room)
            first = False
            yield piece


def prewarm(_process: Any) -> None:
    """The child is warm."""
    mark("warm")


server.setup_fnc = prewarm


@server.rtc_session(agent_name=os.environ.get("BENCH_AGENT", "bench"))
async def entrypoint(ctx: JobContext) -> None:
    """As the example's."""
    room = ctx.room
    await ctx.connect()

    def note_final(event: UserInputTranscribedEvent) -> None:
        if event.is_final:
            mark("transcript", room.name)

    session = AgentSession[None](
        vad=silero.VAD.load(min_silence_duration=0.3),
        stt=moonshine.STT(),
        llm=LLM,
        tts=piper.TTS(),
    )
    session.on("user_input_transcribed", note_final)
    await session.start(agent=Watched(room.name), room=room)
    mark("talking", room.name)


if __name__ == "__main__":
    cli.run_app(server)
