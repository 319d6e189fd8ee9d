"""A parrot in this process: a participant of kind agent, for calls that need no daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api, rtc

from agentd.aio.tasks import TaskOwner
from agentd.plugins import webrtcvad
from agentd.testing.livekit_server import LiveKitServer
from agentd.vad import SpeechEnded

RATE = 16000


class RoomAgent:
    """Joins a room as an agent; says back each utterance.

    One that is mute publishes no track, one that is deaf subscribes to none, and one that leaves
    does so once it hears the caller.
    """

    def __init__(self, *, mute: bool = False, deaf: bool = False, leaves: bool = False) -> None:
        self._mute = mute
        self._deaf = deaf
        self._leaves = leaves
        self._tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
        self.room = rtc.Room()

    async def run(self, server: LiveKitServer, room_name: str) -> None:
        """Join and answer until cancelled."""
        self.room.on("track_subscribed", lambda track, *_: self._tracks.put_nowait(track))
        options = rtc.RoomOptions(auto_subscribe=not self._deaf)
        await self.room.connect(server.url, _agent_token(server, room_name), options)
        mouth = rtc.AudioSource(RATE, 1, queue_size_ms=60_000)
        voice = rtc.LocalAudioTrack.create_audio_track("voice", mouth)
        if not self._mute:
            await self.room.local_participant.publish_track(voice, rtc.TrackPublishOptions())
        ears = webrtcvad.VAD().stream(sample_rate=RATE)
        track = await self._tracks.get()
        if self._leaves:
            await self.room.disconnect()
            return
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            async for heard in stream:
                for event in ears.push(heard.frame.data):
                    if isinstance(event, SpeechEnded):
                        samples = len(event.pcm) // 2
                        await mouth.capture_frame(rtc.AudioFrame(event.pcm, RATE, 1, samples))
        finally:
            await stream.aclose()


@asynccontextmanager
async def agent_in(
    server: LiveKitServer, room_name: str, agent: RoomAgent
) -> AsyncIterator[RoomAgent]:
    """An agent that is in a room while the block lasts."""
    async with TaskOwner("room agent") as tasks:
        tasks.start(agent.run(server, room_name), name="run")
        try:
            yield agent
        finally:
            await agent.room.disconnect()


def _agent_token(server: LiveKitServer, room_name: str) -> str:
    grants = api.VideoGrants(room_join=True, room=room_name, agent=True)
    token = api.AccessToken(server.api_key, server.api_secret)
    return token.with_identity("agent-in-test").with_kind("agent").with_grants(grants).to_jwt()
