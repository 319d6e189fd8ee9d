"""What `agentd top` knows of a daemon. Pure: instants come in as arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from agentd.management.views import FeedEntry, StatusView

KEPT_EVENTS = 200
"""More than fit on a screen."""

STATES: Mapping[str, str] = {
    "starting": "starting",
    "prewarming": "starting",
    "idle": "warm",
    "reserved": "busy",
    "running": "busy",
    "adopting": "resuming",
    "stopping": "ending",
}
"""What a child's state means for its slot."""

SLOT_WORDS = ("busy", "resuming", "starting", "ending", "warm", "free")
"""All that a slot can be, most telling first."""


class Slot(Struct, frozen=True):
    """One slot."""

    number: int
    word: str = "free"
    job: str = ""


class TopState:
    """The latest of a daemon, or the last that was heard before it went."""

    def __init__(self) -> None:
        self.status: StatusView | None = None
        self.events: deque[FeedEntry] = deque(maxlen=KEPT_EVENTS)
        """Newest first."""
        self.lost = ""
        """Why nothing is heard of it; empty while it is."""
        self._heard_at = 0.0
        self._lost_at = 0.0

    def take_status(self, status: StatusView, at: float) -> None:
        """The daemon says how it is."""
        self.status, self._heard_at = status, at
        self.lost = ""

    def take_event(self, event: FeedEntry) -> None:
        """Something has happened."""
        self.events.appendleft(event)

    def lose(self, why: str, at: float) -> None:
        """Nothing is heard of it any more."""
        if not self.lost:
            self._lost_at = at
        self.lost = why

    def elapsed(self, at: float) -> float:
        """Seconds by which what is shown has aged: none any more once the daemon is lost."""
        return max(0.0, (self._lost_at if self.lost else at) - self._heard_at)

    def lost_for(self, at: float) -> float:
        """Seconds that it has been lost."""
        return max(0.0, at - self._lost_at)


def slots_of(status: StatusView) -> list[Slot]:
    """Every slot by its number; of two children in one, the one that does not end."""
    resuming = {job.id for job in status.jobs if job.state == "resuming"}
    children = status.pool.children
    count = max([status.pool.slots, *(child.slot + 1 for child in children)])
    slots = [Slot(number) for number in range(1, count + 1)]
    for child in children:
        old = slots[child.slot]
        word = STATES.get(child.state, "free")
        if word == "free" or (word == "ending" and old.word != "free"):
            continue
        if child.job_id in resuming and word != "ending":
            word = "resuming"
        slots[child.slot] = Slot(old.number, word, child.job_id or "")
    return slots


def slot_sum(slots: list[Slot]) -> str:
    """How many slots are what."""
    counts = [(sum(slot.word == word for slot in slots), word) for word in SLOT_WORDS]
    return ", ".join(f"{count} {word}" for count, word in counts if count)
