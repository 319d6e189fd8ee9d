"""The states of a job and the moves between them. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from agentd.protocol.ids import JobId
from agentd.protocol.job import JobOffer

JobState = Literal["offered", "accepted", "assigned", "running", "ended"]

Ending = Literal["completed", "failed", "rejected", "lost"]
"""`rejected`: we declined. `lost`: accepted, but the assignment never came."""

MOVES: dict[JobState, frozenset[JobState]] = {
    "offered": frozenset({"accepted", "ended"}),
    "accepted": frozenset({"assigned", "ended"}),
    "assigned": frozenset({"running", "ended"}),
    "running": frozenset({"ended"}),
    "ended": frozenset(),
}


class Job:
    """One job, from the offer to its end."""

    def __init__(self, offer: JobOffer, now: float) -> None:
        self.id: JobId = offer.job_id
        self.room = offer.room
        self.state: JobState = "offered"
        self.offered_at = now
        self.void = False
        """Whether the connection that the offer came on is gone: LiveKit asks somebody else."""
        self.reported = False
        """Whether LiveKit has been told how it ended."""
        self.ending: Ending | None = None
        self.reason = ""

    def move(self, state: JobState) -> None:
        """Go on to the next state; raises ValueError for a move that does not exist."""
        if state not in MOVES[self.state]:
            raise ValueError(f"job {self.id} can't go from {self.state} to {state}")
        self.state = state

    def end(self, ending: Ending, reason: str) -> None:
        """The job is over, for this stated reason."""
        self.move("ended")
        self.ending = ending
        self.reason = reason


class JobView(Struct, frozen=True, kw_only=True):
    """One job at one moment."""

    id: str
    room: str
    state: JobState
    age: float
    """Seconds since the offer."""
