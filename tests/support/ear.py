"""A caller that listens all the time and knows when it heard nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from livekit import api, rtc

from agentd.testing.livekit_server import LiveKitServer

LOUD = 1000.0
"""Level (root mean square of PCM16) over which a frame counts as heard; the tone has 5600."""

DEADLINE = 30.0


class Ear:
    """Who is in one room and listens. Times are of the monotonic clock, in seconds."""

    def __init__(self, room: rtc.Room, identity: str) -> None:
        self.room = room
        self.identity = identity
        self.heard_at: list[float] = []
        """When each audible frame of an agent came."""
        self.frames = 0
        """How many came of agents, silent ones too."""
        self.failures: list[BaseException] = []
        """What went wrong in here."""
        self.subscribed_at: list[float] = []
        """When each track of an agent was subscribed to."""
        self.agents = 0
        """Agents in the room now."""
        self.most_agents = 0
        self._changed = asyncio.Condition()
        self._streams: list[rtc.AudioStream] = []
        self._tasks: set[asyncio.Task[None]] = set()
        room.on("track_subscribed", self._on_track)
        room.on("participant_connected", lambda _: self.count())
        room.on("participant_disconnected", lambda _: self.count())

    def gaps(self, since: float = 0.0, until: float = float("inf")) -> list[float]:
        """Seconds between one audible frame and the next, the longest first."""
        times = [at for at in self.heard_at if since <= at <= until]
        return sorted((after - before for before, after in pairwise(times)), reverse=True)

    async def until(self, come: Callable[[], bool], what: str) -> None:
        """Wait until something is so; looked at whenever something is heard."""
        try:
            async with asyncio.timeout(DEADLINE), self._changed:
                await self._changed.wait_for(come)
        except TimeoutError:
            raise AssertionError(f"{what}: not within {DEADLINE:g} s; {self._seen()}") from None

    def _seen(self) -> str:
        """What there was, for whoever reads why a test has failed."""
        return (
            f"room {self.room.name}: {self.agents} agents, {len(self.subscribed_at)} tracks, "
            f"{len(self.heard_at)} of {self.frames} frames audible, "
            f"{self.room.connection_state=}, failures: {self.failures}"
        )

    async def has_track_since(self, instant: float) -> None:
        """Wait until a track was subscribed to after that."""
        await self.until(lambda: self.subscribed_at[-1:] > [instant], "a new track")

    async def hears(self, frames: int = 10) -> None:
        """Wait until so many more frames were audible."""
        wanted = len(self.heard_at) + frames
        await self.until(lambda: len(self.heard_at) >= wanted, "an audible agent")

    async def leave(self) -> None:
        """Leave the room."""
        for task in self._tasks:
            task.cancel()
        await self.room.disconnect()
        for stream in self._streams:
            await stream.aclose()

    def count(self) -> None:
        """Look how many agents there are."""
        kinds = [one.kind for one in self.room.remote_participants.values()]
        self.agents = kinds.count(rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
        self.most_agents = max(self.most_agents, self.agents)
        self._start(self._tell())

    def _on_track(
        self,
        track: rtc.Track,
        _publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self.subscribed_at.append(time.monotonic())
            self._start(self._listen(track))

    async def _listen(self, track: rtc.Track) -> None:
        await self._tell()
        stream = rtc.AudioStream(track)
        self._streams.append(stream)
        async for event in stream:
            self.frames += 1
            samples = np.frombuffer(event.frame.data, dtype=np.int16).astype(np.float32)
            if float(np.sqrt(np.mean(samples**2))) > LOUD:
                self.heard_at.append(time.monotonic())
                await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _start(self, coro: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.failures.append(failure)


@asynccontextmanager
async def listening(server: LiveKitServer, room_name: str, identity: str) -> AsyncIterator[Ear]:
    """Somebody who listens in a room for the length of a block, and speaks (silence), too."""
    room = rtc.Room()
    ear = Ear(room, identity)
    grants = api.VideoGrants(room_join=True, room=room_name)
    token = api.AccessToken(server.api_key, server.api_secret)
    jwt = token.with_identity(identity).with_grants(grants).to_jwt()
    await room.connect(server.url, jwt)
    ear.count()  # no event tells of those who came before
    # One that publishes is announced to others at once, as a caller's microphone is.
    source = rtc.AudioSource(48000, 1)
    await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("microphone", source)
    )
    try:
        yield ear
    finally:
        await ear.leave()
