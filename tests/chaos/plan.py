"""What is done to a daemon and its calls, and when: all of it follows from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal, get_args

from msgspec import Struct

FaultKind = Literal[
    "kill child",
    "kill idle child",
    "kill template",
    "kill daemon",
    "kill daemon, spoil its journal",
    "kill daemon and a child",
    "stop child for a moment",
    "stop child for good",
    "stop daemon for a moment",
    "block child",
    "exit in a job",
    "hog memory",
    "cut the link",
    "fill the disk",
    "dispatch while the daemon is down",
    "caller hangs up",
    "caller ends the job",
    "restart livekit-server",
]

SHARED: frozenset[str] = frozenset(
    {
        "kill template",
        "kill daemon",
        "kill daemon, spoil its journal",
        "kill daemon and a child",
        "stop daemon for a moment",
        "cut the link",
        "fill the disk",
        "dispatch while the daemon is down",
    }
)
"""What happens to the daemon, or between it and LiveKit: no call should notice. A call whose own
child is hit as well is counted with those."""

RARE: dict[str, int] = {"restart livekit-server": 1, "fill the disk": 2}
"""Weights of what costs every call, or the whole machine; all others have `USUAL`."""

USUAL = 4


class Step(Struct, frozen=True, kw_only=True):
    """One fault."""

    number: int
    kind: FaultKind
    pause: float
    """Seconds of peace before it."""
    chance: float
    """From 0 to 1: which of several victims, and how long things take."""


def plan_steps(seed: int, kinds: tuple[FaultKind, ...] = get_args(FaultKind)) -> Iterator[Step]:
    """Steps without end; each kind comes once before any comes twice."""
    rng = random.Random(seed)
    first = [*kinds]
    rng.shuffle(first)
    weights = [RARE.get(kind, USUAL) for kind in kinds]
    number = 0
    while True:
        kind = first.pop() if first else rng.choices(kinds, weights)[0]
        number += 1
        yield Step(number=number, kind=kind, pause=rng.uniform(0.0, 2.0), chance=rng.random())
