"""What the kernel says of processes: private memory and CPU time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

KB_PER_MB = 1024
PRIVATE = ("Private_Clean", "Private_Dirty")


class Memory(Struct, frozen=True, kw_only=True):
    """Memory of one process, in MB of 2^20 bytes."""

    private: float
    """Pages that nobody else has: what ending the process would give back."""
    proportional: float
    """The same with a fair share of what several processes have (PSS)."""
    resident: float


def memory(pid: int) -> Memory:
    """Raises FileNotFoundError for a process that is gone."""
    kilobytes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        kilobytes[name] = int(rest.split()[0])
    return Memory(
        private=sum(kilobytes[name] for name in PRIVATE) / KB_PER_MB,
        proportional=kilobytes["Pss"] / KB_PER_MB,
        resident=kilobytes["Rss"] / KB_PER_MB,
    )


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that these processes have used so far, user and system, all threads.

    From schedstat, whose nanoseconds show what utime and stime round to ticks of 10 ms.
    Threads that have ended are not in it.
    """
    return sum(
        _thread_seconds(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _thread_seconds(task: Path) -> float:
    return int((task / "schedstat").read_text().split()[0]) / 1e9
