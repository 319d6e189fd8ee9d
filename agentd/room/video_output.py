"""Pictures into a room: a video track, paced by LiveKit's synchroniser beside the agent's voice."""

from __future__ import annotations

import asyncio

from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import VideoError
from agentd.io import VideoFrame, VideoOutput

from .asking import while_joined

QUEUE_MS = 200
"""Pictures that are ahead of what is shown, as the voice is ahead of what is heard."""

SHOW_TIMEOUT = 2.0
"""Seconds for a picture to be taken; then video is given up."""

UNPUBLISH_TIMEOUT = 2.0
"""Seconds for the server to take the track out of the room."""


class RoomVideoOutput(VideoOutput):
    """A video track of the local participant's. `start` publishes it.

    Pictures are shown `fps` a second; who gives them faster is made to wait. With `audio`, who
    gives both in step has them seen and heard in step.
    """

    label = "room"

    def __init__(
        self,
        room: rtc.Room,
        audio: rtc.AudioSource,
        *,
        width: int,
        height: int,
        fps: float,
        track_name: str = "roomio_video",
        publish_options: rtc.TrackPublishOptions | None = None,
    ) -> None:
        self.fps = fps
        self._room = room
        self._audio = audio
        self._track_name = track_name
        self._publish_options = publish_options or rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA
        )
        self._source = rtc.VideoSource(width, height)
        self._sync: rtc.AVSynchronizer | None = None
        self._publication: rtc.LocalTrackPublication | None = None
        self._attached = True
        self._last_at = 0.0
        self._pushing: set[asyncio.Timeout] = set()
        """Of pictures that wait for those before them."""
        self._closing = TaskOwner("room video output")

    @property
    def publication(self) -> rtc.LocalTrackPublication | None:
        """The track, once it is published."""
        return self._publication

    async def start(self, timeout: float) -> None:
        """Publish the track; raises VideoError where the room does not take it."""
        if not self._room.isconnected():
            raise VideoError("the agent's video can't be published: the room is not connected")
        track = rtc.LocalVideoTrack.create_video_track(self._track_name, self._source)
        publishing = self._room.local_participant.publish_track(track, self._publish_options)
        try:
            self._publication = await while_joined(self._room, publishing, timeout=timeout)
        except (rtc.participant.PublishTrackError, TimeoutError) as error:
            raise VideoError(f"the agent's video can't be published: {error}") from error
        self._sync = self._synchronizer()

    async def capture_frame(self, frame: VideoFrame) -> None:
        """See VideoOutput; raises VideoError for other pictures than RGBA."""
        if self._sync is None:
            raise VideoError("the agent's video is not published")
        if not self._attached:
            return
        picture = _rtc_frame(frame)
        if now() - self._last_at > QUEUE_MS / 1000 + 2 / self.fps:
            self._renew()  # there was a pause: the pace begins anew
        self._last_at = now()
        await self._push(self._sync, picture)

    def clear_buffer(self) -> None:
        """See VideoOutput."""
        if self._sync is None:
            return
        self._renew()
        for waiting in self._pushing:
            if not waiting.expired():
                waiting.reschedule(now())

    def on_attached(self) -> None:
        """See VideoOutput."""
        self._attached = True

    def on_detached(self) -> None:
        """See VideoOutput."""
        self._attached = False
        self.clear_buffer()

    async def aclose(self) -> None:
        """Take the track out of the room. May be repeated."""
        sync, self._sync = self._sync, None
        if sync is not None:
            await sync.aclose()
        await self._closing.wait()
        publication, self._publication = self._publication, None
        if publication is not None and self._room.isconnected():
            unpublished = self._room.local_participant.unpublish_track(publication.sid)
            try:
                await while_joined(self._room, unpublished, timeout=UNPUBLISH_TIMEOUT)
            except (rtc.participant.UnpublishTrackError, TimeoutError):
                pass  # the room is being left, and the track with it
        await self._source.aclose()

    def _synchronizer(self) -> rtc.AVSynchronizer:
        return rtc.AVSynchronizer(
            audio_source=self._audio,
            video_source=self._source,
            video_fps=self.fps,
            video_queue_size_ms=QUEUE_MS,
        )

    def _renew(self) -> None:
        """Drop the pictures that wait.

        The SDK's (1.2.1) own ways won't do: `clear_queue` drops the voice too, and `reset` ends
        the synchroniser for good where it comes while a picture waits for its time.
        """
        if self._sync is not None:
            self._closing.start(self._sync.aclose(), name="close")
        self._sync = self._synchronizer()

    async def _push(self, sync: rtc.AVSynchronizer | None, picture: rtc.VideoFrame) -> None:
        assert sync is not None
        try:
            async with asyncio.timeout(SHOW_TIMEOUT) as waiting:
                self._pushing.add(waiting)
                try:
                    await sync.push(picture)
                finally:
                    self._pushing.discard(waiting)
        except TimeoutError:
            if sync is self._sync:
                raise VideoError(f"no picture was shown for {SHOW_TIMEOUT:g} s") from None
            # Else it was dropped with the others while it waited.


def _rtc_frame(frame: VideoFrame) -> rtc.VideoFrame:
    if frame.format != "rgba" or len(frame.data) != frame.width * frame.height * 4:
        raise VideoError(
            f"{len(frame.data)} bytes of {frame.format} are no RGBA picture of "
            f"{frame.width} x {frame.height} pixels"
        )
    data = bytearray(frame.data)
    return rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.RGBA, data)
