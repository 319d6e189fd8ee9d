"""What happened in a call, and when: pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Step = Literal[
    "dispatched",
    "joined",
    "listening",
    "track subscribed",
    "speech began",
    "speech ended",
    "answer began",
    "answer ended",
]

MEANINGS: dict[Step, str] = {
    "dispatched": "the agent was asked for",
    "joined": "the agent came into the room",
    "listening": "the agent receives the caller's audio",
    "track subscribed": "the caller receives the agent's",
    "speech began": "the caller began to speak",
    "speech ended": "the caller had spoken",
    "answer began": "first sound of the answer",
    "answer ended": "last sound of the answer",
}


class Moment(Struct, frozen=True, kw_only=True):
    """One line of a timeline, in milliseconds."""

    step: Step
    at_ms: float
    """Since the dispatch."""
    delta_ms: float
    """Since the line before."""


class Latencies(Struct, frozen=True, kw_only=True):
    """The figures that matter, in milliseconds; None where one of the two ends is missing."""

    dispatch_to_joined: float | None
    dispatch_to_track: float | None
    speech_end_to_answer: float | None
    """Negative when the answer began while the caller still spoke, such as in a pause."""


class Timeline:
    """Collects instants of the loop's clock; each step counts once, the first time."""

    def __init__(self) -> None:
        self._at: dict[Step, float] = {}

    def mark(self, step: Step, at: float) -> None:
        """Note that a step happened at an instant, in seconds."""
        self._at.setdefault(step, at)

    def moments(self) -> list[Moment]:
        """All steps in the order in which they happened."""
        in_order = sorted(self._at.items(), key=lambda item: item[1])
        began_at = self._at.get("dispatched", in_order[0][1] if in_order else 0.0)
        moments: list[Moment] = []
        before = began_at
        for step, at in in_order:
            moments.append(Moment(step=step, at_ms=_ms(at - began_at), delta_ms=_ms(at - before)))
            before = at
        return moments

    def latencies(self) -> Latencies:
        """What a caller feels."""
        return Latencies(
            dispatch_to_joined=self._between("dispatched", "joined"),
            dispatch_to_track=self._between("dispatched", "track subscribed"),
            speech_end_to_answer=self._between("speech ended", "answer began"),
        )

    def _between(self, first: Step, second: Step) -> float | None:
        if first not in self._at or second not in self._at:
            return None
        return _ms(self._at[second] - self._at[first])


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
