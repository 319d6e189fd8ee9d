"""A room without a server, for jobs that are run without LiveKit (tests, console)."""

from __future__ import annotations

from unittest.mock import create_autospec

from livekit import rtc


class FakeRoom(rtc.Room):
    """Is connected from the start, to nothing; nobody is in it.

    The local participant takes every call of the SDK's and does nothing.
    """

    def __init__(self, *, name: str, identity: str) -> None:
        super().__init__()
        self._fake_name = name
        self._open = True
        # A stand-in from the SDK's own class: it has all of its methods and no others,
        # where a class of ours would lag behind the SDK.
        self._fake_participant: rtc.LocalParticipant = create_autospec(
            rtc.LocalParticipant,
            instance=True,
            identity=identity,
            name=identity,
            sid="PA_fake",
            metadata="",
            attributes={},
            track_publications={},
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
