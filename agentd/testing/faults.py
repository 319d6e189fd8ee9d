"""Ways in which a fake model misbehaves, when a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from agentd.errors import APIConnectionError


class Misbehaviour(StrEnum):
    """What goes wrong with one call or one stream."""

    RAISE = "raise"
    """It raises its error."""
    HANG = "hang"
    """It does nothing any more: takes nothing, gives nothing, does not end."""
    END_EARLY = "end_early"
    """It ends as if all were done."""
    NEVER_FINISH = "never_finish"
    """It goes on as if all were well, but what was begun is never completed."""


class Fault(Struct, frozen=True, kw_only=True, eq=False):
    """A misbehaviour, and when."""

    kind: Misbehaviour
    after: float = 0.0
    """Seconds of audio, or what else the fake counts, that go well before it."""
    error: Exception | None = None
    """What is raised; an APIConnectionError unless said otherwise."""

    async def strike(self) -> None:
        """Raise, or wait for ever; returns for those that end or go on."""
        match self.kind:
            case Misbehaviour.RAISE:
                raise self.error or APIConnectionError("scripted to fail")
            case Misbehaviour.HANG:
                await asyncio.get_running_loop().create_future()
            case Misbehaviour.END_EARLY | Misbehaviour.NEVER_FINISH:
                pass


class FaultPlan:
    """One entry for each call, in their order; calls after the last one go well."""

    def __init__(self, faults: Iterable[Fault | Misbehaviour | None] = ()) -> None:
        self._faults = [
            Fault(kind=fault) if isinstance(fault, Misbehaviour) else fault for fault in faults
        ]

    def add(self, fault: Fault | Misbehaviour | None) -> None:
        """Let one more call misbehave, or go well, after those that are planned."""
        self._faults.append(Fault(kind=fault) if isinstance(fault, Misbehaviour) else fault)

    def next(self) -> Fault | None:
        """What the next call does; None where it goes well."""
        return self._faults.pop(0) if self._faults else None
