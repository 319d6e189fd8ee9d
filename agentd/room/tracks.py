"""Following what one participant sends of one kind, across the tracks that it comes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol, TypeVar

from livekit import rtc

from agentd.aio.tasks import TaskOwner

CLOSE_TIMEOUT = 2.0
"""Seconds for the SDK to let go of a track; cut short, it leaves a subscription behind."""

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class TrackStream(Protocol[EventT_co]):
    """An `rtc.AudioStream` or `rtc.VideoStream`."""

    def __aiter__(self) -> AsyncIterator[EventT_co]: ...

    async def aclose(self) -> None:
        """Close it, which the SDK takes a moment for."""


class TrackFollower(Generic[EventT]):
    """Opens a stream of the participant's latest track, and closes the one before.

    `open_stream` makes one of a track, `take` is given each of its events, and `ended` is called
    after one was let go.
    """

    def __init__(
        self,
        room: rtc.Room,
        sources: tuple[rtc.TrackSource.ValueType, ...],
        *,
        open_stream: Callable[[rtc.Track], TrackStream[EventT]],
        take: Callable[[EventT], None],
        ended: Callable[[], None],
    ) -> None:
        self._room = room
        self._sources = sources
        self._open_stream = open_stream
        self._take = take
        self._ended = ended
        self._identity: str | None = None
        self._stream: TrackStream[EventT] | None = None
        self._track_sid = ""
        self._pumps = TaskOwner("followed track")
        self._closings = TaskOwner("followed track's end")
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_unsubscribed", self._on_unsubscribed)

    def follow(self, identity: str | None) -> None:
        """Take what this participant sends from now on; None follows nobody."""
        if identity == self._identity:
            return
        self._identity = identity
        self._let_go()
        participant = self._room.remote_participants.get(identity or "")
        if participant is None:
            return
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._on_subscribed(publication.track, publication, participant)

    async def aclose(self) -> None:
        """Follow nobody any more, and let the SDK close what is open. May be repeated."""
        self._room.off("track_subscribed", self._on_subscribed)
        self._room.off("track_unsubscribed", self._on_unsubscribed)
        self._identity = None
        self._let_go()
        await self._pumps.aclose()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._closings.wait()
        except TimeoutError:
            await self._closings.aclose()

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        # A source is of one kind: a microphone sends audio, a camera and a screen send video.
        if participant.identity != self._identity or publication.source not in self._sources:
            return
        self._let_go()  # the latest of several is the one that is meant
        self._track_sid = publication.sid
        stream = self._stream = self._open_stream(track)
        self._pumps.start(self._pump(stream), name=f"track {publication.sid}")

    def _on_unsubscribed(
        self,
        _track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if publication.sid == self._track_sid:
            self._let_go()

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        self._track_sid = ""
        if stream is not None:
            self._closings.start(stream.aclose(), name="close track")
            self._ended()

    async def _pump(self, stream: TrackStream[EventT]) -> None:
        async for event in stream:
            if stream is not self._stream:
                return
            self._take(event)
