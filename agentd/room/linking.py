"""Who in a room the agent talks with."""

from __future__ import annotations

from collections.abc import Callable

from livekit import rtc

from .participants import ParticipantKinds, is_of_kind

ATTRIBUTE_PUBLISH_ON_BEHALF = "lk.publish_on_behalf"
"""Of a participant that speaks for another, such as an avatar for the agent."""


class ParticipantLink:
    """Links one participant: the one asked for, or the first who comes.

    `on_linked` is called with each that is linked and `on_left` when it has left, with the reason;
    a later one, or the same again, is then linked in turn.
    """

    def __init__(
        self,
        room: rtc.Room,
        *,
        identity: str | None,
        kinds: ParticipantKinds,
        on_linked: Callable[[rtc.RemoteParticipant], None],
        on_left: Callable[[rtc.RemoteParticipant], None],
    ) -> None:
        self._room = room
        self._wanted = identity
        self._kinds = kinds
        self._on_linked = on_linked
        self._on_left = on_left
        self._linked: rtc.RemoteParticipant | None = None
        self._active = False

    @property
    def linked(self) -> rtc.RemoteParticipant | None:
        """Who is linked now."""
        return self._linked

    def start(self) -> None:
        """Link who is there, and follow who comes and goes. May be repeated."""
        if self._active:
            return
        self._active = True
        self._room.on("participant_connected", self._on_connected)
        self._room.on("participant_disconnected", self._on_disconnected)
        self._look()

    def set_participant(self, identity: str | None) -> None:
        """Talk with this one from now on, when it is there; None: with whoever comes first."""
        self._wanted = identity
        if self._linked is not None and identity not in (None, self._linked.identity):
            self._linked = None
        self._look()

    def unset_participant(self) -> None:
        """Talk with nobody until somebody is set."""
        self._wanted = ""
        self._linked = None

    def stop(self) -> None:
        """Follow nobody any more. May be repeated."""
        self._active = False
        self._room.off("participant_connected", self._on_connected)
        self._room.off("participant_disconnected", self._on_disconnected)

    def _look(self) -> None:
        for participant in self._room.remote_participants.values():
            self._on_connected(participant)

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if not self._active or self._linked is not None or not self._fits(participant):
            return
        self._linked = participant
        self._on_linked(participant)

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if self._linked is None or participant.identity != self._linked.identity:
            return
        self._linked = None
        self._on_left(participant)
        if self._active:
            self._look()

    def is_another_agent(self, participant: rtc.RemoteParticipant) -> bool:
        """Whether this is an agent, and not one that only shows ours."""
        is_agent = is_of_kind(participant, rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
        return is_agent and not self._is_ours(participant)

    def _fits(self, participant: rtc.RemoteParticipant) -> bool:
        if self._wanted is not None:
            return participant.identity == self._wanted
        return not self._is_ours(participant) and is_of_kind(participant, self._kinds)

    def _is_ours(self, participant: rtc.RemoteParticipant) -> bool:
        ours = self._room.local_participant.identity
        return participant.attributes.get(ATTRIBUTE_PUBLISH_ON_BEHALF) == ours
