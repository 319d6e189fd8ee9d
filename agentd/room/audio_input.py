"""What one participant says, as frames of one rate, across all of the participant's tracks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from livekit import rtc

from agentd.aio.channel import Channel
from agentd.audio.frame import AudioFrame, as_frame, silent_frame
from agentd.errors import WouldBlock
from agentd.io import AudioInput

from .auto_gain import AutoGain
from .tracks import TrackFollower

logger = logging.getLogger("agentd.room")

BUFFER = 3.0
"""Seconds that wait for the session at most; a session that is later than this has worse
trouble, and old audio would only make it later."""

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
        auto_gain: bool = False,
    ) -> None:
        """With `auto_gain` quiet callers are made louder, in frames of whole 10 ms."""
        self._sample_rate = sample_rate
        self._frame_ms = frame_ms
        self._capacity = max(1, round(BUFFER * 1000 / frame_ms))
        self._frames: Channel[AudioFrame] = Channel(self._capacity)
        self._auto_gain = auto_gain and frame_ms % 10 == 0
        self._gain: AutoGain | None = None
        self._attached = True
        self.dropped = 0
        """Frames that came too fast for the session."""
        self._track: TrackFollower[rtc.AudioFrameEvent] = TrackFollower(
            room,
            (rtc.TrackSource.SOURCE_MICROPHONE,),
            open_stream=self._stream_of,
            take=self._take,
            ended=lambda: self._put(silent_frame(END_SILENCE, sample_rate)),
        )

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self._frames

    def follow(self, identity: str | None) -> None:
        """Listen to this participant from now on; None listens to nobody."""
        self._track.follow(identity)

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
        self._frames.close()
        await self._track.aclose()

    def _stream_of(self, track: rtc.Track) -> rtc.AudioStream:
        # It learns how loud a voice is, so each track has one of its own.
        self._gain = AutoGain() if self._auto_gain else None
        return rtc.AudioStream.from_track(
            track=track,
            sample_rate=self._sample_rate,
            num_channels=1,
            frame_size_ms=self._frame_ms,
            capacity=self._capacity,
        )

    def _take(self, event: rtc.AudioFrameEvent) -> None:
        frame = as_frame(event.frame)
        self._put(frame if self._gain is None else self._gain.apply(frame))

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
