"""What came of scripted calls: data, and their sums. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from .judging import Verdict

LEVEL_STEP = 0.05
"""Seconds of a waveform's step."""


class TurnResult(Struct, frozen=True, kw_only=True):
    """One turn."""

    number: int
    name: str
    said: str
    """What the caller did."""
    heard: str
    """What the agent has understood of it, by its transcript."""
    answer: str
    """What the agent said, by its transcript."""
    begun_at: float
    """Seconds since the caller was in the room; and so with the next."""
    ended_at: float
    answered_at: float | None
    over_at: float
    latency: float | None
    """Seconds from the end of the turn to the answer."""
    verdicts: list[Verdict]

    @property
    def met(self) -> bool:
        """Whether all was as expected."""
        return all(verdict.met for verdict in self.verdicts)


class CallResult(Struct, frozen=True, kw_only=True):
    """One call."""

    number: int
    caller: int
    room: str
    agent: str = ""
    joined_after: float | None = None
    """Seconds from the dispatch until the agent was in the room."""
    seconds: float = 0.0
    turns: list[TurnResult] = []
    not_reached: int = 0
    """Turns that were left when the call ended."""
    error: str = ""
    """What ended the call before its end."""
    caller_levels: list[int] = []
    """Loudness of the caller, a number from 0 to 100 for each step of LEVEL_STEP; and so with the
    agent's."""
    agent_levels: list[int] = []

    @property
    def met(self) -> bool:
        """Whether all was as expected, to the end."""
        return not self.error and not self.not_reached and all(turn.met for turn in self.turns)


class Spread(Struct, frozen=True, kw_only=True):
    """Of several latencies, in seconds."""

    count: int
    median: float
    p95: float
    worst: float


class RunReport(Struct, frozen=True, kw_only=True):
    """All calls of a run."""

    script: str
    began_at: str
    """As a date and time, for people."""
    calls: list[CallResult]
    well: int
    """Calls in which all was as expected."""
    latency: Spread | None
    joined: Spread | None

    @property
    def met(self) -> bool:
        """Whether all calls were."""
        return self.well == len(self.calls)


def run_report(script: str, began_at: str, calls: Sequence[CallResult]) -> RunReport:
    """The calls and their sums."""
    in_order = sorted(calls, key=lambda call: call.number)
    latencies = [turn.latency for call in in_order for turn in call.turns]
    return RunReport(
        script=script,
        began_at=began_at,
        calls=in_order,
        well=sum(call.met for call in in_order),
        latency=spread([latency for latency in latencies if latency is not None]),
        joined=spread([call.joined_after for call in in_order if call.joined_after is not None]),
    )


def spread(values: Sequence[float]) -> Spread | None:
    """None of no values."""
    if not values:
        return None
    in_order = sorted(values)

    def at(share: float) -> float:
        return round(in_order[min(len(in_order) - 1, int(share * len(in_order)))], 3)

    return Spread(count=len(in_order), median=at(0.5), p95=at(0.95), worst=round(in_order[-1], 3))
