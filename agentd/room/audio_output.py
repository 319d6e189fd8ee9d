"""Speech into a room: an audio track that can be held, gone on with, and cut off at once.

LiveKit's source plays from a queue of its own. Of what is in it nothing can be taken back except
by clearing all of it, so what was handed over lately is kept here: a pause clears the queue and
puts back what had not been played yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import wall_time
from agentd.audio.frame import AudioFrame
from agentd.audio.pcm import SAMPLE_BYTES
from agentd.errors import AudioError
from agentd.io import (
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
)

from .asking import while_joined

QUEUE_MS = 200
"""Length of LiveKit's queue: what a busy loop may be late by without a gap."""

CHUNK = 0.1
"""Seconds handed over at once: each hand-over costs a round trip to the native library."""

BUFFER = 1.0
"""Seconds that are held here before `capture_frame` waits."""

UNPUBLISH_TIMEOUT = 2.0
"""Seconds for the server to take the track out of the room."""


@dataclass
class _Segment:
    """One stretch of speech."""

    pushed: float = 0.0
    """Seconds of it that went to LiveKit's queue and were not taken back."""
    started: bool = False


@dataclass(frozen=True)
class _End:
    """Stands in the buffer where a segment ends."""

    segment: _Segment


class RoomAudioOutput(AudioOutput):
    """A track of the local participant's. `start` publishes it."""

    def __init__(
        self,
        room: rtc.Room,
        *,
        sample_rate: int = 24000,
        num_channels: int = 1,
        track_name: str = "roomio_audio",
        publish_options: rtc.TrackPublishOptions | None = None,
    ) -> None:
        capabilities = AudioOutputCapabilities(pause=True)
        super().__init__(label="room", capabilities=capabilities, sample_rate=sample_rate)
        self._room = room
        self._channels = num_channels
        self._track_name = track_name
        self._publish_options = publish_options or rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE
        )
        self._source = rtc.AudioSource(sample_rate, num_channels, queue_size_ms=QUEUE_MS)
        self._publication: rtc.LocalTrackPublication | None = None
        self._tasks = TaskOwner("room audio output")

        self._buffer: deque[bytes | _End] = deque()
        self._buffered = 0.0
        self._recent: deque[bytes] = deque()
        """Handed over and maybe not played; at least what LiveKit's queue can hold."""
        self._segment: _Segment | None = None
        """The one that is being captured."""
        self._playing: _Segment | None = None
        self._open = 0
        """Segments that are not over, the captured one included."""
        self._last = PlaybackFinishedEvent(playback_position=0.0, interrupted=False)
        self._paused = False
        self._closed = False
        self._cleared = 0
        """How often everything was dropped: who waited meanwhile starts over."""
        self._work = asyncio.Event()
        self._room_left = asyncio.Event()
        self._over = asyncio.Event()
        self._over.set()

    @property
    def publication(self) -> rtc.LocalTrackPublication | None:
        """The track, once it is published."""
        return self._publication

    async def start(self) -> None:
        """Publish the track; raises AudioError where the room does not take it."""
        if not self._room.isconnected():
            raise AudioError("the agent's audio can't be published: the room is not connected")
        track = rtc.LocalAudioTrack.create_audio_track(self._track_name, self._source)
        try:
            self._publication = await self._room.local_participant.publish_track(
                track, self._publish_options
            )
        except rtc.participant.PublishTrackError as error:
            raise AudioError(f"the agent's audio can't be published: {error}") from error
        self._tasks.start(self._feed(self._publication), name="feed")

    # -- what the session does -----------------------------------------------------------

    async def capture_frame(self, frame: AudioFrame) -> None:
        """See AudioOutput; raises AudioError for another rate or number of channels."""
        if (frame.sample_rate, frame.num_channels) != (self.sample_rate, self._channels):
            raise AudioError(
                f"the room's track has {self._channels} channels at {self.sample_rate} Hz, "
                f"the frame {frame.num_channels} at {frame.sample_rate} Hz"
            )
        if self._segment is None:
            self._segment = _Segment()
            self._open += 1
            self._over.clear()
        cleared = self._cleared
        while self._buffered >= BUFFER and self._cleared == cleared:
            self._room_left.clear()
            await self._room_left.wait()
        if self._cleared != cleared:
            return  # it was cut off while this frame waited
        self._buffer.append(frame.data)
        self._buffered += frame.duration
        self._work.set()

    def flush(self) -> None:
        """See AudioOutput."""
        if self._segment is None:
            return
        self._buffer.append(_End(self._segment))
        self._segment = None
        self._work.set()

    async def wait_for_playout(self) -> PlaybackFinishedEvent:
        """See AudioOutput."""
        await self._over.wait()
        return self._last

    def clear_buffer(self) -> None:
        """See AudioOutput."""
        played = self._played()
        self._cleared += 1
        self._source.clear_queue()
        ended = [item.segment for item in self._buffer if isinstance(item, _End)]
        if self._segment is not None:
            ended.append(self._segment)
        if self._playing is not None and self._playing not in ended:
            ended.insert(0, self._playing)  # its last audio was on its way
        self._buffer.clear()
        self._recent.clear()
        self._buffered = 0.0
        playing, self._playing, self._segment = self._playing, None, None
        self._room_left.set()
        self._work.set()
        for segment in ended:
            self._finish(played if segment is playing else 0.0, interrupted=True)

    def pause(self) -> None:
        """See AudioOutput."""
        if self._paused:
            return
        self._paused = True
        self._take_back()

    def resume(self) -> None:
        """See AudioOutput."""
        self._paused = False
        self._work.set()

    async def aclose(self) -> None:
        """Take the track out of the room. May be repeated."""
        if self._closed:
            return
        self._closed = True
        self.clear_buffer()
        await self._tasks.aclose()
        publication, self._publication = self._publication, None
        if publication is not None and self._room.isconnected():
            unpublished = self._room.local_participant.unpublish_track(publication.sid)
            try:
                await while_joined(self._room, unpublished, timeout=UNPUBLISH_TIMEOUT)
            except (rtc.participant.UnpublishTrackError, TimeoutError):
                pass  # the room is being left, and the track with it
        await self._source.aclose()

    # -- inside --------------------------------------------------------------------------

    def _seconds(self, data: bytes) -> float:
        assert self.sample_rate is not None
        return len(data) / (SAMPLE_BYTES * self._channels * self.sample_rate)

    def _played(self) -> float:
        """Of the playing segment, in seconds."""
        if self._playing is None:
            return 0.0
        return max(0.0, self._playing.pushed - self._source.queued_duration)

    def _take_back(self) -> None:
        """Empty LiveKit's queue into the buffer again."""
        queued = self._source.queued_duration
        self._source.clear_queue()
        if self._playing is None or queued <= 0.0:
            return
        tail = b"".join(self._recent)
        assert self.sample_rate is not None
        sample = SAMPLE_BYTES * self._channels
        data = tail[max(0, len(tail) - round(queued * self.sample_rate) * sample) :]
        self._recent.clear()
        if data:
            self._buffer.appendleft(data)
            self._buffered += self._seconds(data)
            self._playing.pushed -= self._seconds(data)

    async def _feed(self, publication: rtc.LocalTrackPublication) -> None:
        """Hand over to LiveKit, as fast as it takes it."""
        await publication.wait_for_subscription()  # nobody should miss the beginning
        while True:
            self._work.clear()
            if self._paused or not self._buffer:
                await self._work.wait()
            elif isinstance(self._buffer[0], _End):
                await self._play_out(self._buffer[0])
            else:
                await self._hand_over(self._next_chunk())

    def _next_chunk(self) -> bytes:
        parts: list[bytes] = []
        seconds = 0.0
        while self._buffer and not isinstance(self._buffer[0], _End) and seconds < CHUNK:
            part = self._buffer.popleft()
            assert isinstance(part, bytes)
            parts.append(part)
            seconds += self._seconds(part)
        data = b"".join(parts)
        limit = self._chunk_bytes()
        if len(data) > limit:
            self._buffer.appendleft(data[limit:])
            data = data[:limit]
        self._buffered -= self._seconds(data)
        self._room_left.set()
        return data

    def _chunk_bytes(self) -> int:
        assert self.sample_rate is not None
        return round(CHUNK * self.sample_rate) * SAMPLE_BYTES * self._channels

    async def _hand_over(self, data: bytes) -> None:
        cleared = self._cleared
        if self._playing is None:
            self._playing = self._first_segment()
        playing = self._playing
        playing.pushed += self._seconds(data)
        self._keep(data)
        assert self.sample_rate is not None
        size = len(data) // (SAMPLE_BYTES * self._channels)
        frame = rtc.AudioFrame(data, self.sample_rate, self._channels, size)
        if not playing.started:
            playing.started = True
            self.emit("playback_started", PlaybackStartedEvent(created_at=wall_time()))
        await self._source.capture_frame(frame)
        if self._cleared != cleared:
            self._source.clear_queue()  # it was cut off while it was handed over
        elif self._paused:
            self._take_back()

    def _first_segment(self) -> _Segment:
        """Whose audio stands first in the buffer."""
        ends = (item.segment for item in self._buffer if isinstance(item, _End))
        segment = next(ends, None) or self._segment
        assert segment is not None
        return segment

    def _keep(self, data: bytes) -> None:
        self._recent.append(data)
        kept = sum(self._seconds(each) for each in self._recent)
        while kept - self._seconds(self._recent[0]) > (QUEUE_MS / 1000 + CHUNK):
            kept -= self._seconds(self._recent.popleft())

    async def _play_out(self, end: _End) -> None:
        cleared = self._cleared
        await self._source.wait_for_playout()
        if self._cleared != cleared or self._paused or self._buffer[0] is not end:
            return  # cut off, or taken back to be played later
        self._buffer.popleft()
        self._recent.clear()
        self._playing = None
        self._finish(end.segment.pushed, interrupted=False)

    def _finish(self, position: float, *, interrupted: bool) -> None:
        self._last = PlaybackFinishedEvent(playback_position=position, interrupted=interrupted)
        self._open -= 1
        if self._open == 0:
            self._over.set()
        self.emit("playback_finished", self._last)
