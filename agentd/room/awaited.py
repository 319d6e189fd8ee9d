"""Waiting for what others do in a room: come, publish a track, set an attribute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from livekit import rtc

from agentd.errors import JobError
from agentd.protocol.job import ATTRIBUTE_AGENT_NAME

from .looking import until_found

_LEFT = "the room was left before there was {}"
_LATE = "there was not {}"

TrackKinds: TypeAlias = Sequence[rtc.TrackKind.ValueType] | rtc.TrackKind.ValueType


async def wait_for_agent(
    room: rtc.Room, *, agent_name: str | None = None, timeout: float | None = None
) -> rtc.RemoteParticipant:
    """The first agent of that name (any, if None), once one is there.

    Raises JobError if the room is not connected or left before, and ParticipantTimeout after
    `timeout` seconds; without one the room's end is the limit.
    """

    def find() -> rtc.RemoteParticipant | None:
        for participant in room.remote_participants.values():
            is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
            named = participant.attributes.get(ATTRIBUTE_AGENT_NAME)
            if is_agent and agent_name in (None, named):
                return participant
        return None

    events = ("participant_connected", "participant_attributes_changed")
    return await until_found(
        room,
        events,
        find,
        timeout=timeout,
        left=_LEFT.format("an agent"),
        late=_LATE.format("an agent"),
    )


async def wait_for_track_publication(
    room: rtc.Room,
    *,
    identity: str | None = None,
    kind: TrackKinds | None = None,
    include_local: bool = False,
    wait_for_subscription: bool = False,
    timeout: float | None = None,
) -> rtc.TrackPublication:
    """The first track of that participant and kind (any, if None), once it is published.

    With `wait_for_subscription` once a remote one is subscribed, too. `include_local`: also those
    of the local participant. Raises JobError if the room is not connected or left before, or the
    named participant leaves after it was there, and ParticipantTimeout after `timeout` seconds.
    """
    kinds = (kind,) if isinstance(kind, int) else kind
    gone = _Gone(room, identity)

    def find() -> rtc.TrackPublication | None:
        for publication in _publications(room, identity, include_local):
            remote = isinstance(publication, rtc.RemoteTrackPublication)
            waits = wait_for_subscription and remote and publication.track is None
            if (kinds is None or publication.kind in kinds) and not waits:
                return publication
        gone.check()
        return None

    events = (
        "track_published",
        "track_subscribed",
        "local_track_published",
        "participant_disconnected",
    )
    return await until_found(
        room,
        events,
        find,
        timeout=timeout,
        left=_LEFT.format("a track"),
        late=_LATE.format("a track"),
    )


async def wait_for_participant_attribute(
    room: rtc.Room, *, identity: str, attribute: str, value: str, timeout: float | None = None
) -> None:
    """Wait until an attribute of a participant who is there has this value.

    Raises JobError if it is not there, leaves before, or the room is left, and ParticipantTimeout
    after `timeout` seconds.
    """
    if room.isconnected() and identity not in room.remote_participants:
        raise JobError(f"'{identity}' is not in the room")
    gone = _Gone(room, identity)

    def find() -> bool | None:
        gone.check()
        participant = room.remote_participants.get(identity)
        return (participant is not None and participant.attributes.get(attribute) == value) or None

    events = ("participant_attributes_changed", "participant_disconnected")
    what = f"{attribute}={value} of '{identity}'"
    await until_found(
        room, events, find, timeout=timeout, left=_LEFT.format(what), late=_LATE.format(what)
    )


class _Gone:
    """Whether a participant was there and is not any more."""

    def __init__(self, room: rtc.Room, identity: str | None) -> None:
        self._room = room
        self._identity = identity
        self._was_there = False

    def check(self) -> None:
        """Raises JobError where it has left."""
        if self._identity is None:
            return
        is_there = self._identity in self._room.remote_participants
        if self._was_there and not is_there:
            raise JobError(f"'{self._identity}' has left the room")
        self._was_there = is_there


def _publications(
    room: rtc.Room, identity: str | None, include_local: bool
) -> Iterator[rtc.TrackPublication]:
    for participant in room.remote_participants.values():
        if identity in (None, participant.identity):
            yield from participant.track_publications.values()
    local = room.local_participant
    if include_local and identity in (None, local.identity):
        yield from local.track_publications.values()
