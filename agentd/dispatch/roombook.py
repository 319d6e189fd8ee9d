"""Which rooms to look at next, and what earlier looks have shown of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .seen import DispatchSeen, RoomSeen


class RoomRecord:
    """What is remembered of one open room."""

    def __init__(self, room: RoomSeen, due_at: float) -> None:
        self.sid = room.sid
        self.name = room.name
        self.due_at = due_at
        """When to look at it again, on the loop's clock."""
        self.urgent = True
        """Whether it goes before the rooms in which nothing is expected."""
        self.present: set[str] | None = None
        """Who was there at this look; None: not asked yet."""
        self.seen: set[str] = set()
        """Identities of agents that were in the room at some look."""
        self.gone_at: dict[str, float] = {}
        """By identity: when an agent was first missed, on the server's clock."""
        self._tries: dict[str, int] = {}

    def note_present(
        self, present: Iterable[str], dispatches: Iterable[DispatchSeen], at: float
    ) -> None:
        """Who is in the room, and whose agents are there or missed."""
        here = self.present = set(present)
        for identity in {job.identity for each in dispatches for job in each.jobs}:
            if identity in here:
                self.seen.add(identity)
                self.gone_at.pop(identity, None)
            else:
                self.gone_at.setdefault(identity, at)

    def tries(self, dispatch: DispatchSeen) -> int:
        """How often this dispatch was made again already, also under other ids."""
        return self._tries.get(dispatch.metadata, 0)

    def note_try(self, dispatch: DispatchSeen) -> None:
        """It was made again, by us or by who was faster."""
        self._tries[dispatch.metadata] = self.tries(dispatch) + 1

    def plan(self, due_at: float, *, urgent: bool) -> None:
        """Look again then."""
        self.due_at = due_at
        self.urgent = urgent


class RoomBook:
    """All open rooms."""

    def __init__(self) -> None:
        self._records: dict[str, RoomRecord] = {}

    def __len__(self) -> int:
        return len(self._records)

    def update(self, rooms: Iterable[RoomSeen], at: float) -> None:
        """These rooms are open now; new ones are due at once, the others' past is kept."""
        self._records = {
            room.sid: self._records.get(room.sid) or RoomRecord(room, at) for room in rooms
        }

    def drop(self, record: RoomRecord) -> None:
        """The room is gone; if it is not, the next list brings it back as a new one."""
        self._records.pop(record.sid, None)

    def due(self, at: float, limit: int) -> list[RoomRecord]:
        """Rooms to look at now: first where something is expected, then the longest due."""
        due = [record for record in self._records.values() if record.due_at <= at]
        return sorted(due, key=lambda record: (not record.urgent, record.due_at))[:limit]

    def next_due_at(self) -> float:
        """When the next room is due; infinity without one."""
        return min((record.due_at for record in self._records.values()), default=float("inf"))
