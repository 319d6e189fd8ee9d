"""What must hold after each fault, given what is seen. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

FD_SLACK = 12
"""Descriptors that a daemon may have more than at the start, with the same number of children:
connections that an HTTP client keeps open for a while."""

MEMORY_SLACK_MB = 24.0
"""Megabytes that it may have grown by: log records, the journal's cache, fragmentation."""


RECENT = 0.5
"""Seconds within which an audible agent is heard."""

ECHO = 1.0
"""Seconds after a fault in which what is heard proves nothing: frames of a dead agent are still
on their way, and the server still shows it in the room."""

DOUBLE_LIMIT = 2.0
"""Seconds that two agents may be in a room: one takes over from the other."""


class CallSeen(Struct, frozen=True, kw_only=True):
    """One call at one moment."""

    room: str
    wanted: bool
    """Whether the caller is there and the job not told to end."""
    agents: tuple[str, ...]
    """Identities of the agents that the server has in the room."""
    audible: bool
    """Whether the caller hears the agent."""
    ending: str
    """How its last job has ended, by the log; empty while none has."""


class Seen(Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    calls: tuple[CallSeen, ...]
    known_pids: frozenset[int]
    """Processes that the daemon says it has, itself included."""
    pids: frozenset[int]
    """Processes that there are."""
    healthy: bool


def find_faults(seen: Seen) -> list[str]:
    """What is not as it must be; empty when all is well."""
    faults = [fault for call in seen.calls for fault in _faults_of(call)]
    if stray := sorted(seen.pids - seen.known_pids):
        faults.append(f"processes that the daemon does not know: {stray}")
    if missing := sorted(seen.known_pids - seen.pids):
        faults.append(f"processes that are not there any more: {missing}")
    if not seen.healthy:
        faults.append("/healthz is not well")
    return faults


def _faults_of(call: CallSeen) -> list[str]:
    if call.wanted:
        if len(call.agents) != 1:
            return [f"{call.room}: {len(call.agents)} agents where one is wanted"]
        return [] if call.audible else [f"{call.room}: its agent is not heard"]
    if call.agents:
        return [f"{call.room}: an agent is left in the room of a job that is over"]
    return [] if call.ending else [f"{call.room}: nothing says how its job has ended"]


def is_audible(heard_at: Sequence[float], at: float, disturbed_at: float) -> bool:
    """Whether an agent is heard now that is not just the echo of one from before a fault."""
    return bool(heard_at) and heard_at[-1] > max(at - RECENT, disturbed_at + ECHO)


def longest_silence(heard_at: Sequence[float], since: float) -> float | None:
    """Between two audible frames, the first of which may lie before; None where none does."""
    began = bisect_right(heard_at, since)
    if not began:
        return None
    times = heard_at[began - 1 :]
    return max((after - before for before, after in pairwise(times)), default=0.0)


class Doubles:
    """How long a room had two agents, from looks at it."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self.too_long: dict[str, float] = {}
        """By room: the longest time over the limit."""

    def note(self, room: str, agents: int, at: float) -> None:
        """So many were there at that moment."""
        if agents < 2:
            self._since.pop(room, None)
            return
        lasted = at - self._since.setdefault(room, at)
        if lasted > DOUBLE_LIMIT:
            self.too_long[room] = max(lasted, self.too_long.get(room, 0.0))


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that so many percent of the samples do not exceed; 0 without samples."""
    ranked = sorted(samples)
    return ranked[max(1, -(-len(ranked) * percent // 100)) - 1] if ranked else 0.0
