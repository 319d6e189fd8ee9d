"""Joining a room, with a deadline and the choice of which tracks are received."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from urllib.parse import urlsplit

from livekit import rtc

from agentd.aio.tasks import TaskOwner

CONNECT_TIMEOUT = 30.0
"""Seconds for joining a room. Left alone, the SDK (1.2.1) tries four times, and fails after 0.1 s
where nobody listens, 32 s where a server is silent, 60 s where media finds no way (measured)."""

ANSWER_TIMEOUT = 20.0
"""Seconds for the server's first answer, until the SDK asks on a new connection. It would after 5;
but an agent that has joined so hears nobody, nor does any other in its process (livekit 1.2.1)."""


class AutoSubscribe(StrEnum):
    """Which tracks of others are received without asking for each."""

    SUBSCRIBE_ALL = "subscribe_all"
    SUBSCRIBE_NONE = "subscribe_none"
    AUDIO_ONLY = "audio_only"
    VIDEO_ONLY = "video_only"


_ONE_KIND = {
    AutoSubscribe.AUDIO_ONLY: rtc.TrackKind.KIND_AUDIO,
    AutoSubscribe.VIDEO_ONLY: rtc.TrackKind.KIND_VIDEO,
}


class Joiner:
    """Joins one room. `leave` it at the end, joined or not.

    The SDK can't break an attempt off: its native side would go on, join later all the same,
    and so put out of the room whoever has joined under that identity since. So an attempt
    that has outlasted its deadline, or its caller, is kept, and the next call waits for it.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._tasks = TaskOwner("join")
        self._attempt: asyncio.Task[None] | None = None

    async def join(
        self,
        url: str,
        token: str,
        *,
        auto_subscribe: AutoSubscribe = AutoSubscribe.SUBSCRIBE_ALL,
        encryption: rtc.E2EEOptions | None = None,
        rtc_config: rtc.RtcConfiguration | None = None,
        single_peer_connection: bool | None = None,
    ) -> None:
        """Connect the room within CONNECT_TIMEOUT; raises the SDK's `ConnectError`.

        LiveKit can subscribe to all tracks or to none; for one kind only we subscribe
        ourselves, also to tracks that are published later.
        """
        options = rtc.RoomOptions(
            auto_subscribe=auto_subscribe == AutoSubscribe.SUBSCRIBE_ALL,
            encryption=encryption,
            rtc_config=rtc_config,
            single_peer_connection=single_peer_connection,
            connect_timeout=ANSWER_TIMEOUT,
        )
        await self._connect(url, token, options)
        kind = _ONE_KIND.get(AutoSubscribe(auto_subscribe))
        if kind is not None:
            _subscribe_to_kind(self._room, kind)

    async def _connect(self, url: str, token: str, options: rtc.RoomOptions) -> None:
        attempt = self._attempt
        if attempt is None or _has_failed(attempt):
            connecting = self._room.connect(url, token, options=options)
            attempt = self._attempt = self._tasks.start(connecting, name="room", report=False)
        done, _ = await asyncio.wait({attempt}, timeout=CONNECT_TIMEOUT)
        if not done:
            attempt.add_done_callback(_has_failed)  # asked, so that asyncio does not complain
            raise rtc.ConnectError(
                f"the room was not joined within {CONNECT_TIMEOUT:g} s: {_server(url)} does not "
                "answer, or media finds no way to it. Check that this host reaches the server's "
                "address and its media ports (UDP and TCP); connect() may be called again"
            )
        self._attempt = None
        attempt.result()

    async def leave(self) -> None:
        """Leave the room, or give up joining it. May be repeated."""
        await self._tasks.aclose()
        await self._room.disconnect()


def _has_failed(attempt: asyncio.Task[None]) -> bool:
    return attempt.done() and (attempt.cancelled() or attempt.exception() is not None)


def _server(url: str) -> str:
    """Host and port, without a user or password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _subscribe_to_kind(room: rtc.Room, kind: rtc.TrackKind.ValueType) -> None:
    def subscribe(publication: rtc.RemoteTrackPublication) -> None:
        if publication.kind == kind:
            publication.set_subscribed(True)

    room.on("track_published", subscribe)
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            subscribe(publication)
