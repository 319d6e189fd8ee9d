"""A caller in a room: sends audio all the time, speaks when told to, and notes what is heard."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from livekit import api, rtc

from agentd.aio.tasks import TaskOwner

from .bench import Bench
from .hearing import Heard, onset, silence
from .loudness import VOICE_RATE, is_loud, voice
from .playout import Playout, playout

FRAME = 0.02
QUEUE_MS = 60
"""What the microphone holds ahead of real time, so that a late loop makes no gap."""

QUIET = 0.2
"""Seconds without sound that are silence, not a gap."""

DEADLINE = 15.0

FRAME_BYTES = 2 * round(VOICE_RATE * FRAME)
_SILENCE = bytes(FRAME_BYTES)


class NotHeard(Exception):
    """The agent did not do what was waited for."""


class Caller:
    """One caller; from `calling`. Instants are of the monotonic clock, in seconds."""

    def __init__(self, *, frame_ms: int = 10) -> None:
        self.room = rtc.Room()
        self.heard: list[Heard] = []
        """What came of the agent's track."""
        self.spoke_from = 0.0
        """When the first loud sample of what was said last was sent."""
        self.spoke_until = 0.0
        """When the last loud sample was sent."""
        self.track: rtc.Track | None = None
        """The agent's."""
        self._frame_ms = frame_ms
        self._source = rtc.AudioSource(VOICE_RATE, 1, queue_size_ms=QUEUE_MS)
        self._speech: deque[bytes] = deque()
        """Frames that are still to be sent."""
        self._spoken = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks = TaskOwner("caller")
        self.room.on("track_subscribed", self._on_track)

    async def join(self, bench: Bench, room: str, identity: str) -> None:
        """Come in and open the microphone."""
        server = bench.server
        token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity)
        grants = api.VideoGrants(room_join=True, room=room)
        await self.room.connect(server.url, token.with_grants(grants).to_jwt())
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._tasks.start(self._send(), name="microphone")

    async def leave(self) -> None:
        """Hang up."""
        await self._tasks.aclose()
        await self.room.disconnect()
        await self._source.aclose()

    async def say(self, seconds: float) -> None:
        """Speak; returns when the last of it is sent."""
        await self.play(voice(0.0, seconds))

    async def play(self, data: bytes) -> None:
        """Speak PCM16 at VOICE_RATE; returns when the last of it is sent."""
        self.play_on(data)
        await self._spoken.wait()

    def play_on(self, data: bytes) -> None:
        """Speak from now on; returns at once."""
        self._spoken.clear()
        self.spoke_from = self.spoke_until = 0.0
        padded = data + bytes(-len(data) % FRAME_BYTES)
        starts = range(0, len(padded), FRAME_BYTES)
        self._speech.extend(padded[start : start + FRAME_BYTES] for start in starts)

    async def hears_voice(self, since: float) -> float:
        """Wait for a sound of the agent after an instant, and say when it came."""
        return await self._until(lambda: onset(self._since(since), since), "no sound")

    async def hears_silence(self, since: float, lasting: float = QUIET) -> float:
        """Wait for a silence of the agent after an instant, and say when it began."""
        return await self._until(lambda: silence(self._since(since), since, lasting), "no silence")

    async def playout(self) -> Playout:
        """What became of the agent's audio so far; raises NotHeard where there is no track."""
        if self.track is None:
            raise NotHeard("the agent has no track")
        return await playout(self.track)

    # -- inside --------------------------------------------------------------------------

    def _since(self, instant: float) -> list[Heard]:
        return self.heard[bisect_left(self.heard, instant, key=lambda frame: frame.at) :]

    async def _until(self, look: Callable[[], float | None], what: str) -> float:
        try:
            async with asyncio.timeout(DEADLINE):
                while (found := look()) is None:
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            raise NotHeard(f"{what} from the agent within {DEADLINE:g} s") from None

    async def _send(self) -> None:
        while True:
            data = self._speech.popleft() if self._speech else _SILENCE
            # What is handed over now is sent after what waits.
            begins_at = time.monotonic() + self._source.queued_duration
            await self._source.capture_frame(rtc.AudioFrame(data, VOICE_RATE, 1, FRAME_BYTES // 2))
            if data is not _SILENCE:
                self._sent(data, begins_at)

    def _sent(self, data: bytes, begins_at: float) -> None:
        if is_loud(data):
            self.spoke_from = self.spoke_from or begins_at
            self.spoke_until = begins_at + FRAME
        if not self._speech:
            self._spoken.set()

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self.track = track
            self._tasks.start(self._listen(track), name="ear")

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(
            track, sample_rate=VOICE_RATE, num_channels=1, frame_size_ms=self._frame_ms
        )
        try:
            async for event in stream:
                loud = is_loud(event.frame.data)
                self.heard.append(Heard(time.monotonic(), loud, self._frame_ms / 1000))
                self._news.set()
        finally:
            await stream.aclose()


@asynccontextmanager
async def calling(
    bench: Bench, room: str, *, identity: str = "caller", frame_ms: int = 10
) -> AsyncIterator[Caller]:
    """Somebody in a room for the length of a block."""
    caller = Caller(frame_ms=frame_ms)
    try:
        await caller.join(bench, room, identity)
        yield caller
    finally:
        await caller.leave()
