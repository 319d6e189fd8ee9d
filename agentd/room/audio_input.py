"""What one participant says, as frames of one rate, across all of the participant's tracks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from livekit import rtc

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.audio.frame import AudioFrame, as_frame, silent_frame
from agentd.errors import WouldBlock
from agentd.io import AudioInput

logger = logging.getLogger("agentd.room")

BUFFER = 3.0
"""Seconds that wait for the session at most; a session that is later than this has worse
trouble, and old audio would only make it later."""

CLOSE_TIMEOUT = 2.0
"""Seconds for the SDK to let go of a track; cut short, it leaves a subscription behind."""

END_SILENCE = 0.5
"""Seconds of silence after a track has ended, so that what was said last is taken for ended."""


class RoomAudioInput(AudioInput):
    """Follows one participant; who that is may change. Frames are mono."""

    label = "room"

    def __init__(
        self,
        room: rtc.Room,
        *,
        sample_rate: int = 24000,
        frame_ms: int = 50,
        source: rtc.TrackSource.ValueType = rtc.TrackSource.SOURCE_MICROPHONE,
    ) -> None:
        self._room = room
        self._sample_rate = sample_rate
        self._frame_ms = frame_ms
        self._source = source
        self._identity: str | None = None
        self._frames: Channel[AudioFrame] = Channel(max(1, round(BUFFER * 1000 / frame_ms)))
        self._tasks = TaskOwner("room audio input")
        self._closings = TaskOwner("room audio input's tracks")
        self._stream: rtc.AudioStream | None = None
        self._track_sid = ""
        self._attached = True
        self.dropped = 0
        """Frames that came too fast for the session."""
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_unsubscribed", self._on_unsubscribed)

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self._frames

    def follow(self, identity: str | None) -> None:
        """Listen to this participant from now on; None listens to nobody."""
        if identity == self._identity:
            return
        self._identity = identity
        self._stop_listening()
        participant = self._room.remote_participants.get(identity or "")
        if participant is None:
            return
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._on_subscribed(publication.track, publication, participant)

    def put_first(self, frames: list[AudioFrame]) -> None:
        """Audio from before the track: what was said while the connection was made."""
        for frame in frames:
            self._put(frame)

    def on_attached(self) -> None:
        """See AudioInput."""
        self._attached = True

    def on_detached(self) -> None:
        """See AudioInput."""
        self._attached = False
        self._frames.clear()

    async def aclose(self) -> None:
        """See AudioInput."""
        self._room.off("track_subscribed", self._on_subscribed)
        self._room.off("track_unsubscribed", self._on_unsubscribed)
        self._identity = None
        self._stop_listening()
        self._frames.close()
        await self._tasks.aclose()
        await end_in_time(self._closings)

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        wanted = participant.identity == self._identity and publication.source == self._source
        if not wanted or track.kind != rtc.TrackKind.KIND_AUDIO:
            return
        self._stop_listening()
        self._track_sid = publication.sid
        stream = self._stream = rtc.AudioStream.from_track(
            track=track,
            sample_rate=self._sample_rate,
            num_channels=1,
            frame_size_ms=self._frame_ms,
            capacity=round(BUFFER * 1000 / self._frame_ms),
        )
        self._tasks.start(self._pump(stream), name=f"track {publication.sid}")

    def _on_unsubscribed(
        self,
        _track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if publication.sid == self._track_sid:
            self._stop_listening()

    def _stop_listening(self) -> None:
        stream, self._stream = self._stream, None
        self._track_sid = ""
        if stream is None:
            return
        self._closings.start(stream.aclose(), name="close track")
        self._put(silent_frame(END_SILENCE, self._sample_rate))

    async def _pump(self, stream: rtc.AudioStream) -> None:
        async for event in stream:
            if stream is not self._stream:
                return
            self._put(as_frame(event.frame))

    def _put(self, frame: AudioFrame) -> None:
        if not self._attached or self._frames.closed:
            return
        try:
            self._frames.send_nowait(frame)
        except WouldBlock:
            self._drop_oldest(frame)

    def _drop_oldest(self, frame: AudioFrame) -> None:
        self._frames.receive_nowait()
        self._frames.send_nowait(frame)
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:  # said at 1, 2, 4, 8, ...
            logger.warning(
                "the session is behind with what it hears; the oldest audio is dropped",
                extra={"action": "audio_dropped", "frames": self.dropped},
            )


async def end_in_time(closings: TaskOwner) -> None:
    """Let tracks be closed, within a moment."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await closings.wait()
    except TimeoutError:
        await closings.aclose()
