"""Whether a child was killed for its memory."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from agentd.supervisor.cgroup import memory_groups
from agentd.supervisor.exit import WaitStatus
from agentd.supervisor.oom import OomCounter, judge_oom, killed_by_another


def group(root: Path, version: int, kills: int) -> None:
    """A control group in which the kernel has killed so many."""
    directory = root / "sys/fs/cgroup" / ("memory" if version == 1 else "")
    directory.mkdir(parents=True, exist_ok=True)
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    if version == 1:
        (root / "proc/self/cgroup").write_text("4:memory:/\n")
        (directory / "memory.oom_control").write_text(f"under_oom 0\noom_kill {kills}\n")
    else:
        (root / "proc/self/cgroup").write_text("0::/\n")
        (directory / "cgroup.controllers").write_text("memory")
        (directory / "memory.events").write_text(f"oom 9\noom_kill {kills}\noom_group_kill 0\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_kernels_kills_are_those_since_the_look_before(tmp_path: Path, version: int) -> None:
    """The count goes on for as long as the group lives."""
    group(tmp_path, version, 3)
    counter = OomCounter(tmp_path)
    group(tmp_path, version, 4)

    first, much_later = counter.new_kills(10.0), counter.new_kills(100.0)

    assert (first, much_later) == (1, 0)


def test_two_that_die_together_share_the_count(tmp_path: Path) -> None:
    """The kernel may kill a whole group, and we read after the first."""
    group(tmp_path, 2, 0)
    counter = OomCounter(tmp_path)
    group(tmp_path, 2, 2)

    kills = [counter.new_kills(10.0), counter.new_kills(10.1)]

    assert kills == [2, 2]


def test_without_a_count_nothing_is_claimed(tmp_path: Path) -> None:
    """There may be no control groups at all."""
    counter = OomCounter(tmp_path)

    kills = counter.new_kills(1.0)

    assert kills is None
    assert counter.smallest_limit_mb() is None


def test_groups_that_cant_be_looked_at_are_as_if_they_were_not(tmp_path: Path) -> None:
    """Under a hardened unit /sys/fs/cgroup may be closed; root can't be refused, so a name that no
    file system takes stands for that."""
    group(tmp_path, 1, 3)
    (tmp_path / "proc/self/cgroup").write_text(f"4:memory:/{'x' * 300}\n")

    found = memory_groups(tmp_path)

    assert [each.directory for each in found] == [tmp_path / "sys/fs/cgroup/memory"]


@pytest.mark.parametrize(
    ("status", "by_us", "asked"),
    [
        (WaitStatus(signal=signal.SIGKILL), False, True),
        (WaitStatus(signal=signal.SIGKILL), True, False),
        (WaitStatus(signal=signal.SIGSEGV), False, False),
        (WaitStatus(code=137), False, False),
        (WaitStatus(), False, False),
    ],
)
def test_the_kernel_is_asked_only_after_a_kill_that_was_not_ours(
    status: WaitStatus, by_us: bool, asked: bool
) -> None:
    """It kills with SIGKILL and nothing else."""
    found = killed_by_another(status, by_us)

    assert found == asked


@pytest.mark.parametrize(
    ("over", "kills", "memory", "limit", "verdict"),
    [
        (True, None, 900.0, 800.0, "limit"),
        (False, 1, None, None, "kernel"),
        (False, 0, 790.0, 800.0, ""),
        (False, None, 790.0, 800.0, "likely"),
        (False, None, 600.0, 800.0, ""),
        (False, None, None, 800.0, ""),
        (False, None, 790.0, None, ""),
    ],
)
def test_the_verdict_follows_from_the_evidence(
    over: bool, kills: int | None, memory: float | None, limit: float | None, verdict: str
) -> None:
    """Our own kill is certain, a count nearly so, and a near limit only where there is none."""
    found = judge_oom(over_our_limit=over, kernel_kills=kills, memory_mb=memory, limit_mb=limit)

    assert found.verdict == verdict
