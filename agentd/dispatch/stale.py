"""Which dispatches has LiveKit forgotten? Pure rules, no clock and no API.

All instants here are on the server's clock, which the caller learns from its answers.
What livekit-server 1.11 says and does not say about a dispatch is in `reconcile`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import Struct

from .seen import DispatchSeen, JobSeen

MAX_PATIENCE = 300.0
"""Longest time that a dispatch which was made again and again is left alone, in seconds."""


class Thresholds(Struct, frozen=True, kw_only=True):
    """How long what is left alone. All in seconds."""

    stale_after: float = 12.0
    """Age of a dispatch without a job. The server may offer a job for 10 s, and shows it up to
    5 s late in the first minute of a worker, while other workers are asked in 0.2 s."""
    join_grace: float = 30.0
    """From the assignment of a job to its agent being in the room, where we never saw it there:
    an entrypoint may do other things before it connects."""
    gone_after: float = 1.0
    """How long an agent must be out of the room: one that is resumed comes back at once."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What is known beside the dispatch itself."""

    at: float
    """Now, on the server's clock."""
    ours: Collection[str] = ()
    """Ids of the jobs that our own daemon knows: offered, running or being resumed."""
    hidden_job: bool = False
    """Whether our daemon has a job in this room that no dispatch shows (yet)."""
    present: Collection[str] | None = None
    """Identities in the room; None: not asked."""
    seen: Collection[str] = ()
    """Identities that we saw in the room at an earlier look."""
    gone_at: Mapping[str, float] = {}
    """By identity: when we first missed it."""
    tries: int = 0
    """How often this dispatch has been made again already, by whomever, as far as we know."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What to do about a dispatch."""

    state: Literal["satisfied", "wait", "look closer", "stale"]
    """`look closer`: ask who is in the room."""
    due_at: float = 0.0
    """For `wait`: when to judge again."""
    reason: str = ""
    """For `stale`: what is wrong, for people."""


SATISFIED = Verdict(state="satisfied")
LOOK_CLOSER = Verdict(state="look closer")


def patience(tries: int, thresholds: Thresholds) -> float:
    """Least age of a dispatch that was made again so often, in seconds.

    The second time comes as soon as the first, since a slot may have been taken under our
    eyes; from then on the pauses double.
    """
    doublings = min(max(0, tries - 1), 10)
    return min(MAX_PATIENCE, thresholds.stale_after * float(2**doublings))


def judge(dispatch: DispatchSeen, around: Surroundings, thresholds: Thresholds) -> Verdict:
    """Whether a dispatch for our agent name is stale."""
    if around.hidden_job or any(job.id in around.ours for job in dispatch.jobs):
        return SATISFIED
    ripe_at = dispatch.created_at + patience(around.tries, thresholds)
    if not dispatch.jobs:
        return _ripe(ripe_at, around.at, "it has no job")
    if dispatch.never_again or any(job.ended for job in dispatch.jobs):
        return SATISFIED
    if around.present is None:
        return LOOK_CLOSER
    if any(job.identity in around.present for job in dispatch.jobs):
        return SATISFIED
    missed = [_missed_enough_at(job, around, thresholds) for job in dispatch.jobs]
    names = ", ".join(job.identity for job in dispatch.jobs)
    return _ripe(max(ripe_at, *missed), around.at, f"its agent is not in the room: {names}")


def _ripe(ripe_at: float, at: float, reason: str) -> Verdict:
    if at >= ripe_at:
        return Verdict(state="stale", reason=reason)
    return Verdict(state="wait", due_at=ripe_at)


def _missed_enough_at(job: JobSeen, around: Surroundings, thresholds: Thresholds) -> float:
    gone_at = around.gone_at.get(job.identity, around.at)
    confirmed_at = gone_at + thresholds.gone_after
    if job.identity in around.seen:
        return confirmed_at
    return max(confirmed_at, job.started_at + thresholds.join_grace)
