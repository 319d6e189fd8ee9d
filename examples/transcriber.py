"""Writes down what everybody in a room says, each under their own name. It says nothing itself.

agentd dev examples/transcriber.py
"""

from __future__ import annotations

import asyncio

from livekit import rtc

from agentd import AgentServer, JobContext, cli
from agentd.plugins import moonshine, silero
from agentd.stt import STT, FinalTranscript, RecognizeStream, StreamAdapter

server = AgentServer()


@server.rtc_session(agent_name="transcriber")
async def entrypoint(ctx: JobContext) -> None:
    """One model for all, one stream of it for each participant."""
    model = StreamAdapter(stt=moonshine.STT(), vad=silero.VAD.load())

    async def follow(ctx: JobContext, participant: rtc.RemoteParticipant) -> None:
        await transcribe(ctx, participant, model)

    ctx.add_participant_entrypoint(follow)
    await ctx.connect()


async def transcribe(ctx: JobContext, participant: rtc.RemoteParticipant, model: STT) -> None:
    """Until the participant's microphone is gone."""
    audio = rtc.AudioStream.from_participant(
        participant=participant,
        track_source=rtc.TrackSource.SOURCE_MICROPHONE,
        sample_rate=16000,
        num_channels=1,
    )
    async with model.stream() as speech, asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(audio, speech))
        async for event in speech:
            if isinstance(event, FinalTranscript) and event.text:
                await ctx.agent.send_text(f"{participant.identity}: {event.text}", topic="minutes")


async def listen(audio: rtc.AudioStream, speech: RecognizeStream) -> None:
    """Hand the participant's audio to the model."""
    async for event in audio:
        speech.push_frame(event.frame)
    speech.end_input()


if __name__ == "__main__":
    cli.run_app(server)
