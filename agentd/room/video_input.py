"""What one participant shows: the latest picture of a camera or a shared screen."""

from __future__ import annotations

from collections.abc import AsyncIterator

from livekit import rtc

from agentd.aio.channel import Channel
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import WouldBlock
from agentd.io import VideoFrame, VideoInput

from .audio_input import end_in_time

SOURCES = (rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_SCREENSHARE)


class RoomVideoInput(VideoInput):
    """Follows one participant. Of pictures that nobody has taken yet only the latest is kept."""

    label = "room"

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._identity: str | None = None
        self._pictures: Channel[VideoFrame] = Channel(1)
        self._tasks = TaskOwner("room video input")
        self._closings = TaskOwner("room video input's tracks")
        self._stream: rtc.VideoStream | None = None
        self._track_sid = ""
        self._attached = True
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_unsubscribed", self._on_unsubscribed)

    def __aiter__(self) -> AsyncIterator[VideoFrame]:
        return self._pictures

    def follow(self, identity: str | None) -> None:
        """Look at this participant from now on; None looks at nobody."""
        if identity == self._identity:
            return
        self._identity = identity
        self._stop_looking()
        participant = self._room.remote_participants.get(identity or "")
        if participant is None:
            return
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._on_subscribed(publication.track, publication, participant)

    def on_attached(self) -> None:
        """See VideoInput."""
        self._attached = True

    def on_detached(self) -> None:
        """See VideoInput."""
        self._attached = False
        self._pictures.clear()

    async def aclose(self) -> None:
        """See VideoInput."""
        self._room.off("track_subscribed", self._on_subscribed)
        self._room.off("track_unsubscribed", self._on_unsubscribed)
        self._stop_looking()
        self._pictures.close()
        await self._tasks.aclose()
        await end_in_time(self._closings)

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        wanted = participant.identity == self._identity and publication.source in SOURCES
        if not wanted or track.kind != rtc.TrackKind.KIND_VIDEO:
            return
        self._stop_looking()  # the latest of several is the one that is meant
        self._track_sid = publication.sid
        stream = self._stream = rtc.VideoStream.from_track(
            track=track, format=rtc.VideoBufferType.RGBA, capacity=1
        )
        self._tasks.start(self._pump(stream), name=f"track {publication.sid}")

    def _on_unsubscribed(
        self,
        _track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if publication.sid == self._track_sid:
            self._stop_looking()

    def _stop_looking(self) -> None:
        stream, self._stream = self._stream, None
        self._track_sid = ""
        if stream is not None:
            self._closings.start(stream.aclose(), name="close track")

    async def _pump(self, stream: rtc.VideoStream) -> None:
        async for event in stream:
            if stream is not self._stream:
                return
            if self._attached and not self._pictures.closed:
                self._put(event.frame)

    def _put(self, frame: rtc.VideoFrame) -> None:
        picture = VideoFrame(
            data=bytes(frame.data), width=frame.width, height=frame.height, at=now()
        )
        self._pictures.clear()
        try:
            self._pictures.send_nowait(picture)
        except WouldBlock:  # can't be: it was just cleared
            return
