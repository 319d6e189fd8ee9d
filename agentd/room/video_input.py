"""What one participant shows: the latest picture of a camera or a shared screen."""

from __future__ import annotations

from collections.abc import AsyncIterator

from livekit import rtc

from agentd.aio.channel import Channel
from agentd.aio.timing import now
from agentd.io import VideoFrame, VideoInput

from .tracks import TrackFollower

SOURCES = (rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_SCREENSHARE)


class RoomVideoInput(VideoInput):
    """Follows one participant. Of pictures that nobody has taken yet only the latest is kept."""

    label = "room"

    def __init__(self, room: rtc.Room) -> None:
        self._pictures: Channel[VideoFrame] = Channel(1)
        self._attached = True
        self._track: TrackFollower[rtc.VideoFrameEvent] = TrackFollower(
            room, SOURCES, open_stream=_stream_of, take=self._take, ended=_nothing
        )

    def __aiter__(self) -> AsyncIterator[VideoFrame]:
        return self._pictures

    def follow(self, identity: str | None) -> None:
        """Look at this participant from now on; None looks at nobody."""
        self._track.follow(identity)

    def on_attached(self) -> None:
        """See VideoInput."""
        self._attached = True

    def on_detached(self) -> None:
        """See VideoInput."""
        self._attached = False
        self._pictures.clear()

    async def aclose(self) -> None:
        """See VideoInput."""
        self._pictures.close()
        await self._track.aclose()

    def _take(self, event: rtc.VideoFrameEvent) -> None:
        if not self._attached or self._pictures.closed:
            return
        frame = event.frame
        self._pictures.clear()  # room for the new one, in place of one that nobody took
        self._pictures.send_nowait(
            VideoFrame(data=frame.data, width=frame.width, height=frame.height, at=now())
        )


def _stream_of(track: rtc.Track) -> rtc.VideoStream:
    return rtc.VideoStream.from_track(track=track, format=rtc.VideoBufferType.RGBA, capacity=1)


def _nothing() -> None:
    """A picture that is not followed by another stays the latest."""
