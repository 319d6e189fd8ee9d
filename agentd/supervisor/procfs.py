"""What Linux says of a process in /proc. Reads are cheap (tens of microseconds) and never raise.

Where there is no /proc, and of a process that is gone, the answer is None or empty.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MB = 1024 * 1024

DEAD_STATES = "ZXx"
"""Letters of proc_pid_stat(5) for a process that has ended and waits to be reaped."""


class ProcessStat(Struct, frozen=True, kw_only=True):
    """The part of /proc/PID/stat that is of use here."""

    state: str
    """One letter of proc_pid_stat(5)."""
    cpu_seconds: float
    """User and system time of all its threads."""
    started: int
    """Clock ticks between the machine's boot and its start."""


class Memory(Struct, frozen=True, kw_only=True):
    """Memory of one process, in MB of 2**20 bytes."""

    rss_mb: float
    private_mb: float
    """RSS without file-backed and shared pages: what it allocated, and what a forked child still
    shares with its template copy-on-write. The exact figure (smaps) costs a walk over all pages."""


class Waiting(Struct, frozen=True, kw_only=True):
    """What a process does in the kernel, for one that answers nothing."""

    state: str
    """As in /proc/PID/status, such as `T (stopped)`; empty when unknown."""
    wchan: str
    """Kernel function that it sleeps in; empty when it runs or we may not know."""
    caught: int = 0
    """Signals that it has handlers for, signal 1 in the lowest bit."""

    def catches(self, number: int) -> bool:
        """Whether it has a handler for a signal, which may end it otherwise."""
        return bool(self.caught >> (number - 1) & 1)

    def __str__(self) -> str:
        where = f", in the kernel's {self.wchan}" if self.wchan else ""
        return f"state {self.state or 'unknown'}{where}"


def boot_id(root: Path = PROC) -> str:
    """The machine's boot; empty when unknown."""
    return _read(root / "sys/kernel/random/boot_id").strip()


def process_started(pid: int, root: Path = PROC) -> int | None:
    """When a process started, in clock ticks since boot; None for one that is dead, a zombie too.

    Together with the pid and `boot_id` it names one process for ever.
    """
    stat = process_stat(pid, root)
    return None if stat is None or stat.state in DEAD_STATES else stat.started


def process_stat(pid: int, root: Path = PROC) -> ProcessStat | None:
    """State, CPU time and start of a process."""
    return parse_stat(_read(root / str(pid) / "stat"))


def process_memory(pid: int, root: Path = PROC) -> Memory | None:
    """Memory of a process; None also for a zombie, which has none left."""
    return parse_statm(_read(root / str(pid) / "statm"))


def process_waiting(pid: int, root: Path = PROC) -> Waiting:
    """Where a process is, seen from outside."""
    status = _read(root / str(pid) / "status")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    wchan = _read(root / str(pid) / "wchan").strip()
    return Waiting(
        state=fields.get("State", "").strip(),
        wchan="" if wchan == "0" else wchan,
        caught=int(fields.get("SigCgt", "0"), 16),
    )


def parse_stat(text: str) -> ProcessStat | None:
    """Read a line of /proc/PID/stat; a process's name may itself hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()  # what follows the name, from field 3 on
    try:
        return ProcessStat(
            state=fields[0],
            cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
            started=int(fields[19]),
        )
    except (IndexError, ValueError):
        return None


def parse_statm(text: str) -> Memory | None:
    """Read /proc/PID/statm."""
    fields = text.split()
    try:
        resident, shared = int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        return None
    if resident == 0:
        return None
    return Memory(
        rss_mb=resident * PAGE_BYTES / MB, private_mb=(resident - shared) * PAGE_BYTES / MB
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:  # it is gone, or not ours to look at
        return ""
