"""Waiting for people in a room, and doing something for each of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.app.usererror import error_fields

from .looking import until_found

logger = logging.getLogger("agentd.room")

ParticipantKind: TypeAlias = rtc.ParticipantKind.ValueType
ParticipantKinds: TypeAlias = Sequence[ParticipantKind] | ParticipantKind
ParticipantFnc = Callable[[rtc.RemoteParticipant], Coroutine[Any, Any, object]]

DEFAULT_KINDS: tuple[ParticipantKind, ...] = (
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
)
"""People, however they came; not agents, recorders and the like."""


def is_of_kind(participant: rtc.RemoteParticipant, kinds: ParticipantKinds) -> bool:
    """Whether a participant is of a kind, or of one of several."""
    wanted = (kinds,) if isinstance(kinds, int) else kinds
    return participant.kind in wanted


async def wait_for_participant(
    room: rtc.Room,
    *,
    identity: str | None = None,
    kind: ParticipantKinds = DEFAULT_KINDS,
    timeout: float | None = None,
) -> rtc.RemoteParticipant:
    """The first participant of that identity (any, if None) and kind, once one is there.

    Has no deadline unless `timeout` (seconds) is given, since a caller may take as long as it
    likes to join: it ends with the room at the latest, and then raises JobError. When the
    time is over it raises ParticipantTimeout.
    """

    def find() -> rtc.RemoteParticipant | None:
        for participant in room.remote_participants.values():
            if identity in (None, participant.identity) and is_of_kind(participant, kind):
                return participant
        return None

    return await until_found(
        room,
        ["participant_connected"],
        find,
        timeout=timeout,
        left="the room was left before the participant joined",
        late="nobody joined the room"
        if identity is None
        else f"'{identity}' has not joined the room",
    )


class ParticipantWatch:
    """Runs each registered function in a task of its own for each matching participant."""

    def __init__(self, room: rtc.Room, tasks: TaskOwner) -> None:
        self._room = room
        self._tasks = tasks
        self._entries: list[tuple[object, ParticipantFnc, ParticipantKinds]] = []
        self._running: set[tuple[object, str]] = set()
        self._connected = False

    def add(self, key: object, run: ParticipantFnc, kinds: ParticipantKinds) -> None:
        """Register a function; it runs at once for those who are there. A key twice raises."""
        if any(known == key for known, _, _ in self._entries):
            raise ValueError(f"the participant entrypoint '{_name(key)}' was added before")
        self._entries.append((key, run, kinds))
        if self._connected:
            for participant in self._room.remote_participants.values():
                self._offer(participant, key, run, kinds)

    def start(self) -> None:
        """The room is connected: take those who are there and follow who comes."""
        self._connected = True
        self._room.on("participant_connected", self._on_connected)
        for participant in self._room.remote_participants.values():
            self._on_connected(participant)

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        for key, run, kinds in self._entries:
            self._offer(participant, key, run, kinds)

    def _offer(
        self,
        participant: rtc.RemoteParticipant,
        key: object,
        run: ParticipantFnc,
        kinds: ParticipantKinds,
    ) -> None:
        if not is_of_kind(participant, kinds):
            return
        if (key, participant.identity) in self._running:
            logger.warning(
                "a participant came back while the entrypoint of its last visit still runs",
                extra={"action": "participant_overlap", "participant": participant.identity},
            )
        self._tasks.start(
            self._guard(participant, key, run),
            name=f"participant entrypoint {_name(key)} for {participant.identity}",
        )

    async def _guard(
        self, participant: rtc.RemoteParticipant, key: object, run: ParticipantFnc
    ) -> None:
        self._running.add((key, participant.identity))
        try:
            await run(participant)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code
            logger.error(
                "participant entrypoint failed",
                extra={
                    **error_fields(error),
                    "action": "participant_entrypoint_failed",
                    "entrypoint": _name(key),
                    "participant": participant.identity,
                },
            )
        finally:
            self._running.discard((key, participant.identity))


def _name(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
