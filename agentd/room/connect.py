"""Joining a room, with the choice of which tracks are received."""

from __future__ import annotations

from enum import StrEnum

from livekit import rtc


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


async def join(
    room: rtc.Room,
    url: str,
    token: str,
    *,
    auto_subscribe: AutoSubscribe = AutoSubscribe.SUBSCRIBE_ALL,
    encryption: rtc.E2EEOptions | None = None,
    rtc_config: rtc.RtcConfiguration | None = None,
    single_peer_connection: bool | None = None,
) -> None:
    """Connect a room; lets the SDK's `ConnectError` out.

    LiveKit can subscribe to all tracks or to none; for one kind only we subscribe
    ourselves, also to tracks that are published later.
    """
    options = rtc.RoomOptions(
        auto_subscribe=auto_subscribe == AutoSubscribe.SUBSCRIBE_ALL,
        encryption=encryption,
        rtc_config=rtc_config,
        single_peer_connection=single_peer_connection,
    )
    await room.connect(url, token, options=options)
    kind = _ONE_KIND.get(AutoSubscribe(auto_subscribe))
    if kind is not None:
        _subscribe_to_kind(room, kind)


def _subscribe_to_kind(room: rtc.Room, kind: rtc.TrackKind.ValueType) -> None:
    def subscribe(publication: rtc.RemoteTrackPublication) -> None:
        if publication.kind == kind:
            publication.set_subscribed(True)

    room.on("track_published", subscribe)
    for participant in room.remote_participants.values():
        for publication in participant.track_publications.values():
            subscribe(publication)
