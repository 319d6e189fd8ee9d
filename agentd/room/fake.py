"""A room without a server, for jobs that are run without LiveKit (tests, console)."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

from livekit import rtc


class FakeRoom(rtc.Room):
    """Is connected from the start, to nothing. In it is who is named as its caller, or nobody.

    The participants take every call of the SDK's and do nothing.
    """

    def __init__(self, *, name: str, identity: str, caller: str = "") -> None:
        super().__init__()
        self._fake_name = name
        self._open = True
        # Stand-ins from the SDK's own classes: they have all of their methods and no others,
        # where classes of ours would lag behind the SDK.
        self._fake_participant: rtc.LocalParticipant = create_autospec(
            rtc.LocalParticipant, instance=True, **_facts(identity, "PA_fake")
        )
        if caller:
            self._remote_participants[caller] = create_autospec(
                rtc.RemoteParticipant,
                instance=True,
                kind=rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
                **_facts(caller, "PA_fake_caller"),
            )

    @property
    def name(self) -> str:
        return self._fake_name

    @property
    def local_participant(self) -> rtc.LocalParticipant:
        return self._fake_participant

    def isconnected(self) -> bool:
        return self._open

    async def connect(self, url: str, token: str, options: rtc.RoomOptions | None = None) -> None:
        """Nothing to do."""

    async def disconnect(
        self,
        *,
        reason: rtc.DisconnectReason.ValueType = rtc.DisconnectReason.CLIENT_INITIATED,
    ) -> None:
        """Leave, once; who listens hears of it as from the SDK's room."""
        if self._open:
            self.lose()
            self.emit("disconnected", reason)

    def lose(self) -> None:
        """Be disconnected, and tell of the state alone, as the SDK's room now and then does."""
        self._open = False
        self.emit("connection_state_changed", rtc.ConnectionState.CONN_DISCONNECTED)


def _facts(identity: str, sid: str) -> dict[str, Any]:
    return {
        "identity": identity,
        "name": identity,
        "sid": sid,
        "metadata": "",
        "attributes": {},
        "track_publications": {},
    }
