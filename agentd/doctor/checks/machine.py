"""The kernel, and how this machine is set up."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from pathlib import Path

from msgspec import Struct

from agentd.doctor.finding import Finding, failure, gravest, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.supervisor.cgroup import read

PR_GET_CHILD_SUBREAPER = 37

SMALL_BUFFER = 128 * 1024
"""Bytes of a UDP socket's buffer: 0.2 s of a voice call at the least, with room for video."""

LOST_SHARE = 0.001

NO_OVERCOMMIT = 2
SHORT = 0.1
SWAPPED_MB = 64


class KernelFacts(Struct, frozen=True, kw_only=True):
    """What the supervisor uses of Linux."""

    system: str
    release: str
    pidfd: str = ""
    """The error, where it can't be had."""
    subreaper: str = ""


def judge_kernel(facts: KernelFacts) -> Finding:
    """Learning of a death at once, and being the parent of orphans."""
    name = f"{facts.system} {facts.release}"
    if facts.system != "Linux":
        return failure(f"{name}: agentd is for Linux", "run it on Linux 5.3 or newer")
    missing = []
    if facts.pidfd:
        missing.append(f"pidfd_open: {facts.pidfd}")
    if facts.subreaper:
        missing.append(f"child subreaper: {facts.subreaper}")
    if missing:
        return failure(
            f"{name}: {'; '.join(missing)}",
            "use Linux 5.3 or newer; in a container, a seccomp profile that lets pidfd_open and "
            "prctl pass (docker run --security-opt seccomp=...)",
        )
    return ok(f"{name}: pidfd, subreaper")


async def kernel(_: Patient) -> Finding:
    facts = KernelFacts(system=platform.system(), release=platform.release())
    if facts.system != "Linux":
        return judge_kernel(facts)
    return judge_kernel(
        KernelFacts(
            system=facts.system,
            release=facts.release,
            pidfd=_pidfd_error(),
            subreaper=_subreaper_error(),
        )
    )


def _pidfd_error() -> str:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError) as error:
        return str(error)
    return ""


def _subreaper_error() -> str:
    found = ctypes.c_int()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0):
        return os.strerror(ctypes.get_errno())
    return ""


# -- UDP ---------------------------------------------------------------------------


class UdpFacts(Struct, frozen=True, kw_only=True):
    """Buffers and what they have lost; None where it is not told."""

    largest: int | None
    """Bytes that a program may ask for."""
    usual: int | None
    datagrams: int | None
    """Received since the machine's start."""
    overrun: int | None
    """Of these, lost since the buffer was full."""


def judge_udp(facts: UdpFacts) -> Finding:
    """Sound that waits for a busy process must fit into the buffer."""
    if facts.largest is None or facts.usual is None:
        return skipped("the kernel does not tell (no net.core here: a container)")
    text = f"receive buffer {facts.usual // 1024} KiB, at most {facts.largest // 1024} KiB"
    findings = []
    if facts.usual < SMALL_BUFFER:
        findings.append(
            warning(
                f"{text}: small", "sysctl -w net.core.rmem_default=262144 net.core.rmem_max=2500000"
            )
        )
    if facts.datagrams and facts.overrun and facts.overrun > LOST_SHARE * facts.datagrams:
        findings.append(
            warning(
                f"{facts.overrun} of {facts.datagrams} datagrams were lost since a buffer was full",
                "sysctl -w net.core.rmem_default=1048576 net.core.rmem_max=2500000, fewer slots "
                "(max_jobs), or more CPU",
            )
        )
    return gravest(findings) if findings else ok(f"{text}, {facts.overrun or 0} datagrams lost")


async def udp_buffers(patient: Patient) -> Finding:
    net = patient.root / "proc/sys/net/core"
    counters = udp_counters(read(patient.root / "proc/net/snmp"))
    return judge_udp(
        UdpFacts(
            largest=_number(net / "rmem_max"),
            usual=_number(net / "rmem_default"),
            datagrams=counters.get("InDatagrams"),
            overrun=counters.get("RcvbufErrors"),
        )
    )


def udp_counters(text: str) -> dict[str, int]:
    """The line `Udp:` of /proc/net/snmp. Pure."""
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("Udp:")]
    if len(lines) < 2:
        return {}
    return {name: int(value) for name, value in zip(lines[0], lines[1], strict=False)}


# -- memory --------------------------------------------------------------------------


class MemoryFacts(Struct, frozen=True, kw_only=True):
    """The machine's memory as a whole; MB, None where it is not told."""

    overcommit: int | None
    total: int | None
    available: int | None
    swapped: int


def judge_memory_policy(facts: MemoryFacts) -> Finding:
    """What makes forks fail, or memory slow at a bad moment."""
    findings = []
    if facts.overcommit == NO_OVERCOMMIT:
        findings.append(
            warning(
                "vm.overcommit_memory is 2: each forked child counts as large as its template, and "
                "forks fail long before memory is used",
                "sysctl -w vm.overcommit_memory=0",
            )
        )
    short = facts.total and facts.available is not None and facts.available < SHORT * facts.total
    if short and facts.swapped > SWAPPED_MB:
        findings.append(
            warning(
                f"{facts.available} of {facts.total} MB are available and {facts.swapped} MB are "
                "swapped out: a page that comes back from disk is a gap in a call",
                "more memory, or fewer slots (max_jobs)",
            )
        )
    if findings:
        return gravest(findings)
    return ok(
        f"vm.overcommit_memory {facts.overcommit}, {facts.available} of {facts.total} MB "
        f"available, {facts.swapped} MB swapped out"
    )


async def memory_policy(patient: Patient) -> Finding:
    info = memory_info(read(patient.root / "proc/meminfo"))
    return judge_memory_policy(
        MemoryFacts(
            overcommit=_number(patient.root / "proc/sys/vm/overcommit_memory"),
            total=info.get("MemTotal"),
            available=info.get("MemAvailable"),
            swapped=max(0, info.get("SwapTotal", 0) - info.get("SwapFree", 0)),
        )
    )


def memory_info(text: str) -> dict[str, int]:
    """/proc/meminfo in MB. Pure."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0].rstrip(":"): int(row[1]) // 1024 for row in rows if len(row) > 1}


# -- core files ----------------------------------------------------------------------


def judge_core_files(pattern: str, limit: int) -> Finding:
    """The memory of a crashed child has keys and conversations in it."""
    if limit == 0:
        return ok("no core files (limit 0)")
    if pattern.startswith("|"):
        return ok(f"core files go to {pattern[1:].split(maxsplit=1)[0]}")
    size = "of any size" if limit == resource.RLIM_INFINITY else f"up to {limit >> 20} MB"
    return warning(
        f"a crash writes a core file {size} to '{pattern}', with keys and conversations in it, and "
        "the job is resumed only once it is written",
        "ulimit -c 0, or LimitCORE=0 in the unit",
    )


async def core_files(patient: Patient) -> Finding:
    pattern = read(patient.root / "proc/sys/kernel/core_pattern").strip()
    return judge_core_files(pattern or "core", resource.getrlimit(resource.RLIMIT_CORE)[0])


def _number(path: Path) -> int | None:
    try:
        return int(read(path))
    except ValueError:
        return None
