"""What must hold after each fault, given what is seen. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

FD_SLACK = 12
"""Descriptors that a daemon may have more than at the start, with the same number of children:
connections that an HTTP client keeps open for a while."""

MEMORY_SLACK_MB = 24.0
"""Megabytes that it may have grown by: log records, the journal's cache, fragmentation."""


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


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that so many percent of the samples do not exceed; 0 without samples."""
    ranked = sorted(samples)
    return ranked[max(1, -(-len(ranked) * percent // 100)) - 1] if ranked else 0.0
