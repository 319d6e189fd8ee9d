"""What this process may use, against what all slots in use would take."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

from msgspec import Struct

from agentd.doctor.finding import Finding, Unexaminable, failure, ok, warning
from agentd.doctor.patient import Patient
from agentd.settings.model import Settings, available_cpus
from agentd.supervisor.cgroup import group_memory, memory_groups, read

CHILD_MB = 60.0
"""Private memory of a child in a call with models of services: 13 MB measured with no model at all,
24 MB in a session, and as much again for the app's own. One with local models takes hundreds."""

SUPERVISOR_MB = 80.0
"""66 measured."""

CHILD_THREADS = 18 + available_cpus()
"""Of a child in a room: the media library's. Measured are 20 on two cores (livekit 1.2.1)."""

CHILD_FILES = 4
"""Of the supervisor for each child, measured: its socket, its pidfd, its output, one to spare."""

OWN_FILES = 64
"""Of the supervisor: 30 when idle (measured), connections to its HTTP port besides."""

CHILD_OWN_FILES = 128
"""Of a child in a call: 36 measured, and what the app opens besides."""

SLOTS_PER_CPU = 8


# -- memory --------------------------------------------------------------------------


class MemoryFacts(Struct, frozen=True, kw_only=True):
    """In MB."""

    limit: float
    """What the tightest group may use, or the machine has."""
    source: str
    slots: int
    child: float
    """What one child may need."""
    child_known: bool
    """Whether that is a limit that is set, not a guess."""
    template: float


def judge_memory(facts: MemoryFacts) -> Finding:
    """All slots in use fit."""
    shared = SUPERVISOR_MB + facts.template
    need = shared + facts.slots * facts.child
    kind = "its limit" if facts.child_known else "estimated"
    text = (
        f"{facts.limit:.0f} MB ({facts.source}); {facts.slots} slots at {facts.child:.0f} MB "
        f"({kind}) and {shared:.0f} MB for supervisor and template make {need:.0f} MB"
    )
    fits = max(0, math.floor((facts.limit - shared) / facts.child))
    if fits < 1:
        return failure(f"{text}: not even one call fits", "give it more memory")
    if need > facts.limit:
        return warning(text, f"--max-jobs {fits}, or more memory")
    return ok(text)


async def memory(patient: Patient) -> Finding:
    settings = await patient.settings()
    limit, source = tightest_memory(patient.root)
    try:
        template = (await patient.app()).rss_mb
    except Unexaminable:
        template = 60.0
    known = settings.jobs.job_memory_limit_mb > 0
    return judge_memory(
        MemoryFacts(
            limit=limit,
            source=source,
            slots=settings.pool.max_jobs,
            child=float(settings.jobs.job_memory_limit_mb) if known else CHILD_MB,
            child_known=known,
            template=template,
        )
    )


def tightest_memory(root: Path) -> tuple[float, str]:
    """MB that can be used at most, and who says so."""
    total = _meminfo_total(root)
    limits = [
        (found.limit_mb, f"limit of the control group {group.directory}")
        for group in memory_groups(root)
        if (found := group_memory(group)) is not None
    ]
    return min([*limits, (total, "the machine's memory")])


def _meminfo_total(root: Path) -> float:
    for line in read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) / 1024
    return float("inf")


# -- CPU -----------------------------------------------------------------------------


def judge_cpu(cores: float, source: str, slots: int) -> Finding:
    """Slots are counted from cores that a quota may not let be used."""
    text = f"{cores:g} cores ({source}), {slots} slots"
    fits = max(1, math.floor(cores * SLOTS_PER_CPU))
    if slots > fits:
        return warning(
            f"{text}: more than {SLOTS_PER_CPU} a core", f"--max-jobs {fits}, or more cores"
        )
    return ok(text)


async def cpu(patient: Patient) -> Finding:
    cores, source = usable_cores(patient.root)
    return judge_cpu(cores, source, (await patient.settings()).pool.max_jobs)


def usable_cores(root: Path) -> tuple[float, str]:
    """Cores that can be used at most, and who says so."""
    choices = [(float(len(os.sched_getaffinity(0))), "of this process's affinity")]
    for group in memory_groups(root):
        quota, _, period = read(group.directory / "cpu.max").strip().partition(" ")
        if quota.isdecimal() and period.isdecimal():
            choices.append(
                (int(quota) / int(period), f"quota of the control group {group.directory}")
            )
    return min(choices)


# -- processes and threads -----------------------------------------------------------


class ProcessFacts(Struct, frozen=True, kw_only=True):
    """Limits on tasks: processes and threads together."""

    limit: float
    """Infinite where there is none."""
    used: int
    source: str
    slots: int


def judge_processes(facts: ProcessFacts) -> Finding:
    """All slots in use, with the threads of the media library."""
    need = facts.slots * CHILD_THREADS + 50
    if math.isinf(facts.limit):
        return ok(f"no limit on processes and threads; {facts.slots} slots take some {need}")
    text = (
        f"{facts.source} allows {facts.limit:.0f} processes and threads, {facts.used} are there; "
        f"{facts.slots} slots take some {need}"
    )
    free = facts.limit - facts.used
    if free < CHILD_THREADS + 50:
        return failure(
            f"{text}: not even one call fits", "raise it: TasksMax= in the unit, ulimit -u"
        )
    if free < need:
        fits = max(1, int((free - 50) // CHILD_THREADS))
        return warning(text, f"raise it (TasksMax= in the unit, ulimit -u), or --max-jobs {fits}")
    return ok(text)


async def processes(patient: Patient) -> Finding:
    slots = (await patient.settings()).pool.max_jobs
    facts = [user_processes(slots)]
    for group in memory_groups(patient.root):
        limit = read(group.directory / "pids.max").strip()
        if limit.isdecimal():
            facts.append(
                ProcessFacts(
                    limit=float(limit),
                    used=int(read(group.directory / "pids.current").strip() or 0),
                    source=f"the control group {group.directory}",
                    slots=slots,
                )
            )
    return judge_processes(min(facts, key=lambda each: each.limit - each.used))


def user_processes(slots: int) -> ProcessFacts:
    """The limit of the user, which does not hold for root."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    unlimited = soft == resource.RLIM_INFINITY or os.getuid() == 0
    return ProcessFacts(
        limit=math.inf if unlimited else float(soft),
        used=0 if unlimited else _threads_of_user(),
        source="ulimit -u",
        slots=slots,
    )


def _threads_of_user() -> int:
    uid = os.getuid()
    count = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                count += sum(1 for _ in (entry / "task").iterdir())
        except OSError:
            continue  # it has ended meanwhile
    return count


# -- file descriptors ------------------------------------------------------------------


def judge_files(soft: int, hard: int, settings: Settings) -> Finding:
    """The supervisor's grow with the slots, a child's do not."""
    pool = settings.pool
    need = max(OWN_FILES + CHILD_FILES * (pool.max_jobs + pool.num_idle_processes), CHILD_OWN_FILES)
    infinite = (resource.RLIM_INFINITY, -1)
    if soft in infinite:
        return ok(f"no limit on open files; {pool.max_jobs} slots take some {need}")
    most = "unlimited" if hard in infinite else str(hard)
    text = f"{soft} open files (hard limit {most}); {pool.max_jobs} slots take some {need}"
    if soft < need:
        remedy = f"LimitNOFILE={max(need * 2, 4096)} in the unit, or ulimit -n {need * 2}"
        return (failure if soft < need // 2 else warning)(text, remedy)
    return ok(text)


async def open_files(patient: Patient) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_files(soft, hard, await patient.settings())
