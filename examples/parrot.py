"""A parrot: says back what it hears, one utterance at a time.

The plainest job there is: no model, no session, only a room, a voice activity detector and
two audio tracks. Run it, then call it from another terminal:

    agentd dev examples/parrot.py
    agentd call --agent parrot --say examples/speech/jfk.wav --record answer.wav
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from livekit import rtc

from agentd import AgentServer, AutoSubscribe, JobContext, JobProcess, cli
from agentd.plugins import webrtcvad
from agentd.vad import VAD, SpeechEnded

SAMPLE_RATE = 16000

logger = logging.getLogger("parrot")
server = AgentServer()


def prewarm(process: JobProcess) -> None:
    """Runs in each child before it is given a job, so that the caller does not wait for it."""
    process.userdata["vad"] = webrtcvad.VAD()


server.setup_fnc = prewarm


@server.rtc_session(agent_name="parrot")
async def entrypoint(ctx: JobContext) -> None:
    """One call, until the caller leaves."""
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    left = asyncio.Event()
    ctx.room.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    ctx.room.on("participant_disconnected", lambda _: left.set())
    await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)

    # The queue has room for a whole utterance, so that we go on listening while we speak.
    mouth = rtc.AudioSource(SAMPLE_RATE, num_channels=1, queue_size_ms=60_000)
    voice = rtc.LocalAudioTrack.create_audio_track("parrot", mouth)
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await ctx.agent.publish_track(voice, microphone)

    caller = await ctx.wait_for_participant()
    async with asyncio.timeout(30):
        track = await tracks.get()
    logger.info("listening", extra={"action": "listening", "caller": caller.identity})

    async with asyncio.TaskGroup() as group:
        parroting = group.create_task(say_back(track, mouth, ctx.proc.userdata["vad"]))
        await left.wait()
        parroting.cancel()
    ctx.shutdown(reason=f"{caller.identity} has left")


async def say_back(track: rtc.Track, mouth: rtc.AudioSource, vad: VAD) -> None:
    """Say each utterance on the track back once it is over."""
    utterances = vad.stream(sample_rate=SAMPLE_RATE)
    async with aclosing(rtc.AudioStream(track, sample_rate=SAMPLE_RATE)) as ears:
        async for heard in ears:
            for event in utterances.push(heard.frame.data):
                if isinstance(event, SpeechEnded):
                    print(f"parrot: heard {event.speech_duration:.1f} s of speech, saying it back")
                    samples = len(event.pcm) // 2
                    await mouth.capture_frame(rtc.AudioFrame(event.pcm, SAMPLE_RATE, 1, samples))


if __name__ == "__main__":
    cli.run_app(server)
